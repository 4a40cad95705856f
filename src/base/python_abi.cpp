#include "base/python_abi.hpp"

#include <charconv>

namespace pml::base {

std::optional<std::string> unserved_abi(std::string_view abi) {
  constexpr std::string_view k_start = "cpython-3";
  if (!abi.starts_with(k_start)) return "is no CPython 3";
  const std::string_view rest = abi.substr(k_start.size());
  int minor = -1;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), minor);
  if (error != std::errc()) return "is no CPython 3";
  const std::string_view flags(end, static_cast<std::size_t>(rest.data() + rest.size() - end));
  if (minor < k_oldest_minor || minor > k_newest_minor)
    return "is CPython 3." + std::to_string(minor) + ", and this pml serves 3." +
           std::to_string(k_oldest_minor) + " to 3." + std::to_string(k_newest_minor);
  if (flags.starts_with("t")) return "is a free-threaded build, which pml does not serve";
  if (!flags.empty() && flags.front() != '-') return "is a debug build, which pml does not serve";
  return std::nullopt;
}

}  // namespace pml::base
