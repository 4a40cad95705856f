#include "base/python_search.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "base/unique_fd.hpp"

namespace pml::base {

namespace {

constexpr std::string_view k_usual_path = "/usr/local/bin:/usr/bin:/bin";

bool same_file(const std::string& first, const std::string& second) {
  struct stat a = {};
  struct stat b = {};
  return ::stat(first.c_str(), &a) == 0 && ::stat(second.c_str(), &b) == 0 &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// (By system calls: the client's own runtime has only what it needs.)
std::string real_name(const std::string& path) {
  const UniqueFd file(k_adopt, ::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) return {};
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  std::array<char, PATH_MAX> target{};
  const long size = ::syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), target.data(), target.size());
  if (size <= 0) return {};
  const std::string_view text(target.data(), static_cast<std::size_t>(size));
  return std::string(text.substr(text.rfind('/') + 1));
}

bool is_program(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::syscall(SYS_faccessat, AT_FDCWD, path.c_str(), X_OK) == 0;
}

}  // namespace

bool is_pml(const std::string& path, const std::vector<std::string>& launchers) {
  return real_name(path) == "pml" ||
         std::any_of(launchers.begin(), launchers.end(),
                     [&](const std::string& launcher) { return same_file(path, launcher); });
}

std::string find_python3(const char* search_path, const std::vector<std::string>& launchers) {
  std::string_view rest = search_path != nullptr ? std::string_view(search_path) : k_usual_path;
  for (;;) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    // An empty entry means the current folder.
    std::string path(colon == 0 ? std::string_view(".") : rest.substr(0, colon));
    path += "/python3";
    if (is_program(path) && !is_pml(path, launchers)) return path;
    if (colon == rest.size()) return {};
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace pml::base
