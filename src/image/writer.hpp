#pragma once

#include "base/unique_fd.hpp"
#include "image/format.hpp"

namespace pml::image {

/// An image, or the reason why this process cannot be one.
struct Written {
  base::UniqueFd image;  ///< sealed
  const char* refusal = nullptr;
  char detail[200] = {};  ///< which mapping; may be empty
};

/// Writes this process, as it was when `registers` were noted in a frame that is still there, into
/// a sealed memfd. The process has one thread, and its descriptors are the caller's concern. Writes
/// to none of the memory that it images, but for the stack below that frame.
[[nodiscard]] Written write(const Registers& registers) noexcept;

}  // namespace pml::image
