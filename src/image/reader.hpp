#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "image/format.hpp"

namespace pml::image {

/// An image's tables, checked: whoever follows them maps nothing over the client, outside of what a
/// process has, or beyond the image.
struct Tables {
  const Header* header = nullptr;
  std::span<const Mapping> mappings;  ///< ascending, none overlaps another
  std::span<const File> files;
  std::span<const Handler> handlers;
  std::span<const Span> kernel_pages;

  [[nodiscard]] const char* name_of(const File& file) const noexcept {
    return reinterpret_cast<const char*>(header) + file.name;
  }
};

/// Reads the first k_table_size bytes of an image that has `size` bytes in all. Nothing where
/// anything in them is not as a writer makes it. The result points into `table`, which is aligned
/// as a page is. Allocates nothing.
[[nodiscard]] std::optional<Tables> read(std::span<const char> table, std::uint64_t size) noexcept;

}  // namespace pml::image
