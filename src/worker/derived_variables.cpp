#include "worker/derived_variables.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace pml::worker {

namespace {

std::optional<std::string> home_folder(const VariableOf& variable) {
  if (auto home = variable("HOME")) return home;
  const passwd* const entry = ::getpwuid(::getuid());
  return entry != nullptr ? std::optional<std::string>(entry->pw_dir) : std::nullopt;
}

bool can_be_executed(const std::string& file) {
  struct stat info = {};
  return ::stat(file.c_str(), &info) == 0 && !S_ISDIR(info.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

/// The first file of the name in the folders of PATH, or of `otherwise`. A relative folder is
/// another one for each caller: then nothing is said.
std::optional<std::string> find_program(const std::string& name, const VariableOf& variable,
                                        const char* otherwise) {
  const std::string path = variable("PATH").value_or(otherwise);
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    std::string file = path.substr(at, end - at);
    at = end + 1;
    if (file.empty() || file.front() != '/') return "=" + path;
    if (can_be_executed(file.append("/").append(name))) return file;
  }
  return std::nullopt;
}

/// Which name of it leads there makes no difference to a program that runs.
std::optional<std::string> program_behind(const std::optional<std::string>& file) {
  char target[PATH_MAX];
  if (!file || ::realpath(file->c_str(), target) == nullptr) return file;
  return target;
}

}  // namespace

std::optional<std::string> derived_value(const std::string& name, const VariableOf& variable) {
  if (name == k_home) return home_folder(variable);
  // What os.get_exec_path and shutil.which take where PATH is not set.
  if (name.starts_with(k_runs))
    return program_behind(
        find_program(name.substr(std::strlen(k_runs)), variable, "/bin:/usr/bin"));
  if (name.starts_with(k_which))
    return find_program(name.substr(std::strlen(k_which)), variable, "/bin:/usr/bin");
  return variable(name);
}

std::string variable_behind(const std::string& name) {
  if (name == k_home) return "HOME";
  return name.starts_with('=') ? "PATH" : name;
}

}  // namespace pml::worker
