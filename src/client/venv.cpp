#include "client/venv.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "base/unique_fd.hpp"
#include "base/venv.hpp"

namespace pml::client {

namespace {

/// `folder` without links; empty where it is no folder.
std::string resolved(const std::string& folder) {
  const base::UniqueFd file(base::k_adopt,
                            ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!file.valid()) return {};
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  std::array<char, PATH_MAX> path{};
  // (Not readlink(): the client's own runtime has only what it needs.)
  const long size = ::syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

bool is_venv(const std::string& folder) {
  struct stat info = {};
  return ::stat((folder + "/pyvenv.cfg").c_str(), &info) == 0;
}

Venv in_folder(const std::string& folder) {
  Venv venv;
  venv.folder = folder;
  venv.python = folder + "/bin/python3";
  venv.profile = base::venv_profile(folder);
  return venv;
}

Venv none(std::string error) {
  Venv venv;
  venv.error = std::move(error);
  return venv;
}

}  // namespace

Venv active_venv() {
  const char* active = std::getenv("VIRTUAL_ENV");
  if (active == nullptr || *active == '\0') return none("VIRTUAL_ENV is not set");
  const std::string folder = resolved(active);
  struct stat info = {};
  if (folder.empty() || !is_venv(folder) || ::stat((folder + "/bin/python3").c_str(), &info) != 0)
    return none("VIRTUAL_ENV is no virtual environment (any more)");
  return in_folder(folder);
}

Venv find_venv() {
  const char* active = std::getenv("VIRTUAL_ENV");
  if (active != nullptr && *active != '\0') {
    const std::string folder = resolved(active);
    if (folder.empty() || !is_venv(folder))
      return none("VIRTUAL_ENV is " + std::string(active) +
                  ", which is no virtual environment (any more)");
    return in_folder(folder);
  }
  for (std::string above = resolved(".");; above = above.substr(0, above.rfind('/'))) {
    const std::string folder = resolved(above + "/.venv");
    if (!folder.empty() && is_venv(folder)) return in_folder(folder);
    if (above.empty()) break;
  }
  return none(
      "VIRTUAL_ENV is not set, and neither this folder nor one above it holds a virtual "
      "environment "
      ".venv");
}

}  // namespace pml::client
