#include "trial/file_identity.hpp"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

namespace pml::trial {

namespace {

std::uint64_t nanoseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

FileIdentity matches_of(const std::string& pattern) {
  FileIdentity identity{};
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      ++identity[0];
      identity[1] += std::hash<std::string>()(found.gl_pathv[i]);
    }
  ::globfree(&found);
  return identity;
}

}  // namespace

FileIdentity identity_of(const std::string& path) {
  if (path.find('*') != std::string::npos) return matches_of(path);
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

bool unchanged(const Identities& identities) {
  return std::all_of(identities.begin(), identities.end(),
                     [](const auto& known) { return identity_of(known.first) == known.second; });
}

}  // namespace pml::trial
