#include "cold/launch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "profile/profile.hpp"

namespace pml::cold {

namespace {

bool same_file(const std::string& first, const std::string& second) {
  struct stat a {};
  struct stat b {};
  return ::stat(first.c_str(), &a) == 0 && ::stat(second.c_str(), &b) == 0 &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string real_name(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return {};
  return std::strrchr(resolved, '/') + 1;
}

}  // namespace

Launch prepare(std::string_view name, const std::vector<std::string>& folders,
               const char* current_path) {
  Launch launch;
  profile::Result loaded = profile::load(name, folders);
  if (!loaded.good()) {
    launch.error = loaded.one_line(name);
    return launch;
  }
  if (!loaded.profile->path.empty())
    launch.python_path = profile::python_path(*loaded.profile, current_path);
  launch.interpreter = std::move(loaded.profile->interpreter);
  return launch;
}

bool is_pml(const std::string& path, const std::vector<std::string>& launchers) {
  return real_name(path) == "pml" ||
         std::any_of(launchers.begin(), launchers.end(),
                     [&](const std::string& launcher) { return same_file(path, launcher); });
}

std::string execute(const Launch& launch, char* const* arguments) {
  std::vector<char*> words = {const_cast<char*>(launch.interpreter.c_str())};
  for (; *arguments != nullptr; ++arguments) words.push_back(*arguments);
  words.push_back(nullptr);
  if (launch.python_path && ::setenv("PYTHONPATH", launch.python_path->c_str(), 1) != 0)
    return std::string("cannot set PYTHONPATH: ") + std::strerror(errno);
  ::execv(launch.interpreter.c_str(), words.data());
  return "cannot execute the interpreter " + launch.interpreter + ": " + std::strerror(errno);
}

}  // namespace pml::cold
