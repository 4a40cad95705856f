#include "ctl/units.hpp"

#include <cstdio>

namespace pml::ctl {

namespace {

std::string with_unit(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text,
                value < 10    ? "%.2f %s"
                : value < 100 ? "%.1f %s"
                              : "%.0f %s",
                value, unit);
  return text;
}

std::string two(std::uint64_t big, const char* big_unit, std::uint64_t small,
                const char* small_unit) {
  return std::to_string(big) + big_unit + " " + std::to_string(small) + small_unit;
}

}  // namespace

std::string duration_text(std::uint64_t usec) {
  const std::uint64_t seconds = usec / 1000000;
  if (usec == 0) return "0 s";
  if (usec < 1000) return std::to_string(usec) + " µs";
  if (seconds < 1) return with_unit(static_cast<double>(usec) / 1e3, "ms");
  if (seconds < 60) return with_unit(static_cast<double>(usec) / 1e6, "s");
  if (seconds < 3600) return two(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86400) return two(seconds / 3600, "h", seconds / 60 % 60, "min");
  return two(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

std::string size_text(std::uint64_t kib) {
  if (kib < 1024) return std::to_string(kib) + " KiB";
  if (kib < 1024UL * 1024UL) return with_unit(static_cast<double>(kib) / 1024, "MiB");
  return with_unit(static_cast<double>(kib) / 1024 / 1024, "GiB");
}

}  // namespace pml::ctl
