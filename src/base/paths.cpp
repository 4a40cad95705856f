#include "base/paths.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#ifndef PML_PREFIX
#define PML_PREFIX "/usr"
#endif
#ifndef PML_MODULEDIR
#define PML_MODULEDIR "/usr/lib/pml"
#define PML_MODULE_RELEASE "0"
#endif

namespace pml::base {

namespace {

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : std::string();
}

std::string variable_or_in_home(const char* variable, const char* in_home) {
  std::string folder = absolute_variable(variable);
  const std::string home = absolute_variable("HOME");
  return folder.empty() && !home.empty() ? home + in_home : folder;
}

}  // namespace

std::string runtime_folder() {
  std::string folder = absolute_variable("XDG_RUNTIME_DIR");
  return folder.empty() ? "/run/user/" + std::to_string(::getuid()) : folder;
}

std::string socket_path(std::string_view profile) {
  return runtime_folder() + "/pml/" + std::string(profile) + ".sock";
}

std::string launch_note(std::string_view profile, int number) {
  return runtime_folder() + "/pml/" + std::string(profile) + ".launch" + std::to_string(number);
}

std::string home_folder() {
  return absolute_variable("HOME");
}

std::vector<std::string> profile_folders() {
  std::vector<std::string> folders;
  std::string config = absolute_variable("XDG_CONFIG_HOME");
  if (config.empty()) {
    const std::string home = home_folder();
    if (!home.empty()) config = home + "/.config";
  }
  if (!config.empty()) folders.push_back(config + "/pml/profiles");
  folders.emplace_back("/etc/pml/profiles");
  folders.emplace_back(PML_PREFIX "/share/pml/profiles");
  return folders;
}

std::string data_folder() {
  return variable_or_in_home("XDG_DATA_HOME", "/.local/share");
}

std::string state_folder() {
  return variable_or_in_home("XDG_STATE_HOME", "/.local/state");
}

std::string hint_file(std::string_view reason) {
  const std::string folder = state_folder();
  return folder.empty() ? folder : folder + "/pml/hints/" + std::string(reason);
}

std::vector<std::string> module_folders() {
  std::vector<std::string> folders{absolute_variable("PML_MODULE_DIR")};
  if (folders.front().empty()) folders.front() = PML_MODULEDIR;
  const std::string own = data_folder();
  if (!own.empty()) folders.push_back(own + "/pml/modules/" PML_MODULE_RELEASE);
  return folders;
}

bool valid_profile_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '@' || c == '-';
  });
}

std::optional<std::string> prepare_private_folder(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return "cannot make the folder " + part + ": " + std::strerror(errno);
    if (slash == std::string::npos) break;
  }
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return path + ": " + std::strerror(errno);
  if (!S_ISDIR(info.st_mode)) return path + " is not a folder";
  if (info.st_uid != ::geteuid()) return path + " belongs to another user";
  if ((info.st_mode & 022) != 0) return path + " is writable by others";
  return std::nullopt;
}

}  // namespace pml::base
