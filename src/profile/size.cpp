#include "profile/size.hpp"

#include <cmath>
#include <string_view>

namespace pml::profile {

namespace {

constexpr std::string_view k_units = "KMGT";
constexpr double k_unit = 1024;
constexpr double k_end = 9223372036854775808.0;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  double factor = 1;
  if (!text.empty()) {
    const std::size_t unit = k_units.find(text.back());
    if (unit != std::string_view::npos) {
      factor = std::pow(k_unit, static_cast<double>(unit + 1));
      text.remove_suffix(1);
    }
  }
  double value = 0;
  double place = 0;  // 0 before the point
  bool any = false;
  for (const char c : text) {
    if (c == '.' && place == 0 && any) {
      place = 1;
    } else if (!is_digit(c)) {
      return std::nullopt;
    } else if (place == 0) {
      value = value * 10 + (c - '0');
      any = true;
    } else {
      place /= 10;
      value += place * (c - '0');
    }
    if (value >= k_end) return std::nullopt;
  }
  if (!any || text.back() == '.' || value * factor >= k_end) return std::nullopt;
  return static_cast<std::uint64_t>(value * factor);
}

}  // namespace pml::profile
