#include "wire/cold_only.hpp"

#include <algorithm>
#include <array>

namespace pml::wire {

namespace {

constexpr std::string_view k_warm_options = "bBquWX";
constexpr std::array<std::string_view, 1> k_warm_settings = {"faulthandler"};

constexpr std::string_view k_python = "PYTHON";
/// Each without PYTHON: what can be done late …
constexpr std::array<std::string_view, 6> k_done_late = {
    "UNBUFFERED", "DONTWRITEBYTECODE", "FAULTHANDLER", "WARNINGS", "PATH", "IOENCODING"};
/// … and what a running program reads when it needs it.
constexpr std::array<std::string_view, 7> k_read_when_used = {
    "BREAKPOINT", "STARTUP", "ASYNCIODEBUG", "DOCS", "_COLORS", "_BASIC_REPL", "_HISTORY"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool is_warm_option(char letter) noexcept {
  return k_warm_options.find(letter) != std::string_view::npos;
}

bool is_warm_setting(std::string_view setting) noexcept {
  return contains(k_warm_settings, setting.substr(0, setting.find('=')));
}

bool is_cold_variable(std::string_view name, std::string_view value) noexcept {
  if (!name.starts_with(k_python) || value.empty()) return false;
  name.remove_prefix(k_python.size());
  if (name == "HASHSEED") return value != "random";
  return !contains(k_done_late, name) && !contains(k_read_when_used, name);
}

}  // namespace pml::wire
