#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pml::profile {

/// Reads a time span as systemd.time(7) writes it: numbers with units, added up: "60s", "2h",
/// "1min 30s", "1h30min", "500ms", "1.5h", "0". A number without a unit counts seconds. Units:
/// us usec µs · ms msec · s sec second seconds · m min minute minutes · h hr hour hours ·
/// d day days · w week weeks. Nothing where it is anything else, negative, or more than a year.
[[nodiscard]] std::optional<std::chrono::microseconds> parse_duration(
    std::string_view text) noexcept;

}  // namespace pml::profile
