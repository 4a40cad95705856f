#include "client/step_aside.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/paths.hpp"
#include "base/python_search.hpp"
#include "client/hint.hpp"
#include "client/venv_launch.hpp"

namespace pml::client {

namespace {

constexpr const char* k_default_interpreter = "/usr/bin/python3";

std::string helper_path() {
  const char* folder = std::getenv("PML_HELPER_DIR");
  return std::string(folder != nullptr && *folder != '\0' ? folder : PML_HELPERDIR) + "/pml-cold";
}

void execute(const char* path, std::vector<const char*> words, const Arguments& arguments) {
  words.insert(words.end(), arguments.python_words.begin(), arguments.python_words.end());
  words.push_back(nullptr);
  ::execv(path, const_cast<char* const*>(words.data()));
}

std::string cannot_execute(std::string_view program, int error) {
  return "cannot execute " + std::string(program) + ": " + ::strerror(error);
}

/// The first python3 of PATH. `complaint` says why it is none better; empty: it was asked for.
[[noreturn]] void execute_any(std::string complaint, const Arguments& arguments) {
  const base::BorrowedFd error_output(STDERR_FILENO);
  const std::string python =
      base::find_python3(std::getenv("PATH"), {PML_BINDIR "/pml", "/proc/self/exe"});
  if (!complaint.empty()) complaint += "; ";
  if (python.empty()) {
    say(error_output, complaint + "there is no python3 in PATH");
  } else {
    if (!complaint.empty()) say(error_output, complaint + "executing " + python);
    execute(python.c_str(), {python.c_str()}, arguments);
    say(error_output, cannot_execute(python, errno));
  }
  ::_exit(base::k_exit_config);
}

/// pml-cold, which tells the person why first. `interpreter`: to be executed; empty: the profile's.
/// Returns where it cannot be executed.
void execute_telling(const Reason& reason, const std::string& interpreter,
                     const Arguments& arguments) {
  const std::string helper = helper_path(), name(reason.name), text = reason.text(),
                    profile(arguments.profile);
  execute(helper.c_str(),
          {helper.c_str(), "--because", name.c_str(), text.c_str(), reason.detail.c_str(),
           interpreter.c_str(), profile.c_str()},
          arguments);
}

/// The environment's own folder, of its <folder>/bin/python3.
std::string folder_of(std::string_view python) {
  return std::string(python.substr(0, python.size() - std::string_view("/bin/python3").size()));
}

/// Most environments have no pool, and then no profile either.
bool has_profile(std::string_view name) {
  struct stat info = {};
  for (const std::string& folder : base::profile_folders())
    if (::stat((folder + "/" + std::string(name) + ".toml").c_str(), &info) == 0) return true;
  return false;
}

}  // namespace

void step_aside(const Arguments& arguments, const Reason& reason, const std::string& interpreter,
                SignalSet blocked, Trace& trace) {
  if (trace.enabled()) {
    trace.write_line();
    trace.say("cold: " + std::string(reason.name) + ": " + reason.text());
  }
  if (!arguments.fallback) {
    const std::string next =
        arguments.socket.empty() ? "; see pmlctl doctor " + std::string(arguments.profile) : "";
    say(base::BorrowedFd(STDERR_FILENO), reason.text() + next);
    ::_exit(reason.status);
  }
  const bool poolless = arguments.venv && arguments.venv_error.empty() && !arguments.plain &&
                        !has_profile(arguments.profile);
  if (poolless && reason.name == "no-service")
    note_cold_launch(folder_of(arguments.venv_python), std::string(arguments.profile));
  set_blocked_signals(blocked);
  const bool tells = !trace.enabled() && !arguments.plain && is_hint_due(reason);
  if (!arguments.venv_error.empty()) execute_any(std::string(arguments.venv_error), arguments);
  if (poolless || (arguments.venv && arguments.plain)) {
    if (tells) execute_telling(reason, std::string(arguments.venv_python), arguments);
    execute(arguments.venv_python.data(), {arguments.venv_python.data()}, arguments);
    execute_any(cannot_execute(arguments.venv_python, errno), arguments);
  }
  if (arguments.plain) execute_any({}, arguments);
  // What the service named is its own choice; where the caller has chosen, pml-cold looks.
  const bool named = !interpreter.empty() && std::getenv(base::k_python_variable) == nullptr;
  if (tells) execute_telling(reason, named ? interpreter : std::string(), arguments);
  if (named) execute(interpreter.c_str(), {interpreter.c_str()}, arguments);
  const std::string helper = helper_path();
  const std::string profile(arguments.profile);
  execute(helper.c_str(), {helper.c_str(), profile.c_str()}, arguments);
  const int error = errno;
  if (arguments.profile == "default" && error == ENOENT)
    execute(k_default_interpreter, {k_default_interpreter}, arguments);
  execute_any(cannot_execute(helper, error), arguments);
}

}  // namespace pml::client
