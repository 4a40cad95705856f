#include "profile/duration.hpp"

#include <array>
#include <cstdint>

namespace pml::profile {

namespace {

constexpr std::int64_t k_second = 1'000'000;
constexpr std::int64_t k_minute = 60 * k_second;
constexpr std::int64_t k_hour = 60 * k_minute;
constexpr std::int64_t k_day = 24 * k_hour;
constexpr std::int64_t k_week = 7 * k_day;
constexpr std::int64_t k_longest = 366 * k_day;

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};

constexpr std::array k_units = {
    Unit{"us", 1},
    Unit{"usec", 1},
    Unit{"\u00b5s", 1},
    Unit{"\u03bcs", 1},
    Unit{"ms", 1000},
    Unit{"msec", 1000},
    Unit{"", k_second},
    Unit{"s", k_second},
    Unit{"sec", k_second},
    Unit{"second", k_second},
    Unit{"seconds", k_second},
    Unit{"m", k_minute},
    Unit{"min", k_minute},
    Unit{"minute", k_minute},
    Unit{"minutes", k_minute},
    Unit{"h", k_hour},
    Unit{"hr", k_hour},
    Unit{"hour", k_hour},
    Unit{"hours", k_hour},
    Unit{"d", k_day},
    Unit{"day", k_day},
    Unit{"days", k_day},
    Unit{"w", k_week},
    Unit{"week", k_week},
    Unit{"weeks", k_week},
};

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t';
}

// Takes the characters of the front of `text` that `wanted` accepts.
template <typename Predicate>
std::string_view take(std::string_view& text, Predicate wanted) noexcept {
  std::size_t size = 0;
  while (size < text.size() && wanted(text[size])) ++size;
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

std::int64_t unit_of(std::string_view name) noexcept {
  for (const Unit& unit : k_units)
    if (unit.name == name) return unit.microseconds;
  return 0;
}

// One number with its unit, or -1. Never more than k_longest.
std::int64_t take_term(std::string_view& text) noexcept {
  const std::string_view whole = take(text, is_digit);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take(text, is_digit);
    if (fraction.empty()) return -1;
  }
  if (whole.empty()) return -1;
  take(text, is_space);
  std::int64_t unit =
      unit_of(take(text, [](char c) { return !is_digit(c) && !is_space(c) && c != '.'; }));
  if (unit == 0) return -1;

  std::int64_t number = 0;
  for (const char digit : whole) {
    number = number * 10 + (digit - '0');
    if (number > k_longest / unit) return -1;
  }
  std::int64_t sum = number * unit;
  for (const char digit : fraction) {
    unit /= 10;
    sum += unit * (digit - '0');
  }
  return sum;
}

}  // namespace

std::optional<std::chrono::microseconds> parse_duration(std::string_view text) noexcept {
  std::int64_t sum = 0;
  take(text, is_space);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::int64_t term = take_term(text);
    if (term < 0) return std::nullopt;
    sum += term;
    if (sum > k_longest) return std::nullopt;
    take(text, is_space);
  }
  return std::chrono::microseconds(sum);
}

}  // namespace pml::profile
