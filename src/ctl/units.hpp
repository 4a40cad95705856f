#pragma once

#include <cstdint>
#include <string>

namespace pml::ctl {

/// Microseconds for people: "840 µs", "12.3 ms", "4.56 s", "3min 20s", "2h 5min", "4d 2h".
[[nodiscard]] std::string duration_text(std::uint64_t usec);
/// KiB for people: "812 KiB", "13.4 MiB", "2.10 GiB".
[[nodiscard]] std::string size_text(std::uint64_t kib);

}  // namespace pml::ctl
