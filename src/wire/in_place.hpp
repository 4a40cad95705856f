#pragma once

#include <string>

namespace pml::wire {

/// The file that tells clients of the socket at `path` that there is an image to ask for. While it
/// is missing they ask for a worker at once.
[[nodiscard]] inline std::string in_place_marker(const std::string& path) {
  return path + ".in-place";
}

}  // namespace pml::wire
