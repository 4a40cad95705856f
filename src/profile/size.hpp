#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pml::profile {

/// Reads an amount of memory as systemd.resource-control(5) writes it: a number of bytes, or with
/// K, M, G or T behind it of 1024, 1024², … bytes: "512M", "1.5G", "0". Nothing where it is
/// anything else, negative, or 2^63 bytes or more.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

}  // namespace pml::profile
