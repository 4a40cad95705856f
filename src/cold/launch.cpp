#include "cold/launch.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/python_search.hpp"
#include "profile/near_miss.hpp"
#include "profile/profile.hpp"

namespace pml::cold {

namespace {

/// Returns errno.
int try_to_execute(const std::string& interpreter, char* const* arguments) {
  std::vector<char*> words = {const_cast<char*>(interpreter.c_str())};
  for (; *arguments != nullptr; ++arguments) words.push_back(*arguments);
  words.push_back(nullptr);
  ::execv(interpreter.c_str(), words.data());
  return errno;
}

void say(const std::string& line) {
  std::fprintf(stderr, "pml: %s\n", line.c_str());
}

/// Why the profile's interpreter cannot be executed; empty where it can be tried, or none is known.
std::string obstacle(const std::string& interpreter, const std::vector<std::string>& launchers) {
  if (interpreter.empty()) return {};
  if (base::is_pml(interpreter, launchers))
    return "the profile's interpreter " + interpreter + " is pml itself";
  if (::access(interpreter.c_str(), X_OK) == 0) return {};
  return "cannot execute the interpreter " + interpreter + ": " + std::strerror(errno);
}

/// `, did you mean "…"?` where a profile has nearly that name.
std::string meant(std::string_view name, const std::vector<std::string>& folders) {
  const auto listed = profile::list(folders);
  std::vector<std::string_view> names;
  names.reserve(listed.size());
  for (const auto& item : listed) names.push_back(item.name);
  const std::string_view found = profile::near_miss(name, names);
  return found.empty() ? "" : ", did you mean \"" + std::string(found) + "\"?";
}

}  // namespace

Launch prepare(std::string_view name, const std::vector<std::string>& folders,
               const char* current_path) {
  Launch launch;
  profile::Result loaded = profile::load(name, folders);
  launch.complaint = loaded.one_line(name);
  if (loaded.not_found()) launch.complaint += meant(name, folders) + "; see pmlctl list";
  auto& usable = loaded.good() ? loaded.profile : loaded.remains;
  if (!usable) return launch;
  if (!usable->path.empty()) launch.python_path = profile::python_path(*usable, current_path);
  launch.interpreter = std::move(usable->interpreter);
  return launch;
}

void execute(const Launch& launch, char* const* arguments,
             const std::vector<std::string>& launchers) {
  if (launch.python_path) ::setenv("PYTHONPATH", launch.python_path->c_str(), 1);
  std::string complaint = obstacle(launch.interpreter, launchers);
  const bool known = !launch.interpreter.empty() && complaint.empty();
  if (!launch.complaint.empty()) complaint = launch.complaint;
  if (known) {
    if (!complaint.empty()) say(complaint + "; executing " + launch.interpreter);
    const int error = try_to_execute(launch.interpreter, arguments);
    complaint =
        "cannot execute the interpreter " + launch.interpreter + ": " + std::strerror(error);
  }
  const std::string python = base::find_python3(std::getenv("PATH"), launchers);
  if (python.empty()) {
    say(complaint + (complaint.empty() ? "" : "; ") + "there is no python3 in PATH");
    return;
  }
  if (!complaint.empty()) say(complaint + "; executing " + python);
  const int error = try_to_execute(python, arguments);
  say("cannot execute " + python + ": " + std::strerror(error));
}

}  // namespace pml::cold
