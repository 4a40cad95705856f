#include "base/venv.hpp"

#include <array>
#include <cstdint>

#include "base/paths.hpp"

namespace pml::base {

namespace {

constexpr std::size_t k_longest_name = 40;

/// The folder's name, or where that is one of the usual ones for environments, its parent's.
std::string_view project_of(std::string_view path) {
  std::string_view name;
  for (int i = 0; i < 2; ++i) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) break;
    name = path.substr(slash + 1);
    path = path.substr(0, slash);
    if (name != ".venv" && name != "venv" && name != "env" && name != ".env") break;
  }
  return name;
}

/// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

}  // namespace

std::string venv_profile(std::string_view path) {
  std::string name = "venv-";
  for (const char c : project_of(path).substr(0, k_longest_name))
    name.push_back(valid_profile_name({std::array{'x', c}.data(), 2}) ? c : '_');
  name.push_back('-');
  const std::uint64_t hash = hash_of(path);
  for (int shift = 60; shift >= 0; shift -= 4)
    name.push_back("0123456789abcdef"[hash >> shift & 15]);
  return name;
}

}  // namespace pml::base
