#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/request.hpp"

namespace pml::service {

/// What the first bytes of a connection are so far.
enum class FrameStatus {
  more,         ///< a frame that has not all come
  complete,     ///< one whole frame, perhaps with more behind it
  text,         ///< not a frame: the text dialect
  bad_version,  ///< a frame of another version of the protocol
  malformed,    ///< a frame that cannot be right, or is larger than allowed
};

struct Frame {
  FrameStatus status = FrameStatus::more;
  std::string_view body;       ///< where complete: points into the input
  std::string_view rest;       ///< where complete: what came behind the frame
  std::size_t whole_size = 0;  ///< header and body, once the header is there
};

/// Looks at what has come of a connection: `bytes`, and `descriptors` passed along. Total.
[[nodiscard]] Frame inspect_frame(std::string_view bytes, std::size_t descriptors) noexcept;

}  // namespace pml::service
