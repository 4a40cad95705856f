#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pml::service {

/// Which files change with a program's launches, such as what it writes and looks for first: what
/// has run ahead past them is worth nothing to the next caller, so it is to stop before them. Pure.
class ChangingFiles {
 public:
  /// `file` is another one than the program found when it ran ahead. `launches` and `warm`: the
  /// program's, in all, and those that a worker of its own has served. Returns whether it counts
  /// from now on: the same one was the reason twice in a row, each time after a launch.
  bool changed(const std::string& file, std::uint64_t launches, std::uint64_t warm,
               std::uint64_t now_usec);
  /// Those that count; each for an hour, as nobody watches them any more.
  [[nodiscard]] std::vector<std::string> all(std::uint64_t now_usec) const;
  void forget() noexcept;

 private:
  struct Known {
    std::string file;
    std::uint64_t since_usec;
  };
  std::vector<Known> known_;
  std::string last_;
  unsigned in_a_row_ = 0;
  std::uint64_t launches_ = 0;
  std::uint64_t warm_ = 0;
};

}  // namespace pml::service
