#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace pml::trial {

/// A process under observation that is stopped: what can be read of it. Nothing throws; what cannot
/// be read is empty.
class Tracee {
 public:
  explicit Tracee(pid_t thread) : thread_(thread) {}

  /// Copies `size` bytes from its memory; false where not all of them are there.
  [[nodiscard]] bool read(std::uint64_t address, void* to, std::size_t size) const noexcept;
  /// The text at the address, up to `most` bytes without a null byte.
  [[nodiscard]] std::string text(std::uint64_t address, std::size_t most = 4096) const;
  /// Bytes at the address, as far as they are there.
  [[nodiscard]] std::string bytes(std::uint64_t address, std::size_t size) const;

  /// What the descriptor is; nothing where it is not open.
  [[nodiscard]] std::optional<struct stat> descriptor(int number) const noexcept;
  /// The name of what the descriptor is.
  [[nodiscard]] std::string name_of_descriptor(int number) const;
  /// `path` as an absolute one, seen from the folder behind the descriptor (AT_FDCWD: its own).
  [[nodiscard]] std::string absolute(int folder, const std::string& path) const;
  /// What the absolute path leads to, as the process sees it; nothing where there is nothing.
  [[nodiscard]] std::optional<struct stat> target(const std::string& path) const noexcept;
  /// Whether the absolute path leads to what the kernel tells of this very process, or of one.
  [[nodiscard]] bool is_of_a_process(const std::string& path) const;
  /// The absolute path with its links followed.
  [[nodiscard]] std::string real(const std::string& path) const;

 private:
  [[nodiscard]] std::string for_us(const std::string& path) const;
  [[nodiscard]] std::string link(const char* what) const;

  pid_t thread_;
};

}  // namespace pml::trial
