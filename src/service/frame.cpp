#include "service/frame.hpp"

#include <algorithm>
#include <cstring>

namespace pml::service {

Frame inspect_frame(std::string_view bytes, std::size_t descriptors) noexcept {
  Frame frame;
  if (bytes.empty()) return frame;
  const std::size_t known = std::min(bytes.size(), wire::k_magic.size());
  if (bytes.front() != wire::k_magic[0]) {
    frame.status = FrameStatus::text;
    return frame;
  }
  frame.status = FrameStatus::malformed;
  if (std::memcmp(bytes.data(), wire::k_magic.data(), known) != 0) return frame;
  wire::FrameHeader header;
  if (bytes.size() < sizeof header) {
    frame.status = FrameStatus::more;
    return frame;
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != wire::k_version) {
    frame.status = FrameStatus::bad_version;
    return frame;
  }
  if (header.body_size > wire::k_max_body || header.descriptor_count > wire::k_max_descriptors ||
      descriptors > header.descriptor_count)
    return frame;
  frame.whole_size = sizeof header + header.body_size;
  frame.status = FrameStatus::more;
  if (bytes.size() < frame.whole_size) return frame;
  // Descriptors ride on bytes of the frame, so none can come after its last byte.
  frame.status =
      descriptors == header.descriptor_count ? FrameStatus::complete : FrameStatus::malformed;
  frame.body = bytes.substr(sizeof header, header.body_size);
  frame.rest = bytes.substr(frame.whole_size);
  return frame;
}

}  // namespace pml::service
