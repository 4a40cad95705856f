#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "image/format.hpp"

namespace pml::image {

/// One mapping, as /proc/PID/smaps tells it.
struct Region {
  Span at;
  std::uint64_t offset = 0;
  std::uint32_t protection = 0;
  bool shared = false;
  bool keyed = false;      ///< it has a protection key
  std::string_view name;   ///< a path, something in brackets, or empty
  std::string_view flags;  ///< two letters each, a space behind
};

/// Takes the text of smaps apart, into `room`. Nothing where it is not understood, or there are too
/// many. Allocates nothing.
[[nodiscard]] std::optional<std::span<Region>> parse_memory_list(std::string_view text,
                                                                 std::span<Region> room) noexcept;

/// Whether the kernel put it there for its own: [vvar], [vdso] and their like.
[[nodiscard]] bool is_kernels(const Region& region) noexcept;

/// Why the region cannot be in an image; null where it can.
[[nodiscard]] const char* obstacle(const Region& region) noexcept;

}  // namespace pml::image
