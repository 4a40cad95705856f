#include "client/client.hpp"

#include <unistd.h>

#include <cstdlib>

#include "client/arguments.hpp"
#include "client/launch.hpp"
#include "client/obstacle.hpp"
#include "client/step_aside.hpp"
#include "client/venv.hpp"

namespace pml::client {

namespace {

int print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return 1;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

bool is_switched_off() {
  const char* wanted = std::getenv("PML");
  return wanted != nullptr && wanted[0] == '0' && wanted[1] == '\0';
}

int complain(const std::string& what) {
  say(base::BorrowedFd(STDERR_FILENO), what + "; see pml --help");
  return base::k_exit_usage;
}

}  // namespace

void run(std::span<const char* const> words) {
  Trace trace(std::getenv("PML_TRACE"));
  const bool as_python = !words.empty() && called_as_python(words[0]);
  Arguments arguments = parse_arguments(words.empty() ? words : words.subspan(1),
                                        std::getenv("PML_PROFILE"), as_python);
  if (arguments.action == Action::help) ::_exit(print(help_text()));
  if (arguments.action == Action::version) ::_exit(print("pml " PML_VERSION "\n"));
  if (arguments.action == Action::wrong_usage) ::_exit(complain(arguments.reason));

  arguments.words = words;
  arguments.plain = is_switched_off();
  Venv venv;
  if (!arguments.venv && !arguments.profile_named && arguments.socket.empty()) {
    venv = active_venv();
    if (venv.error.empty()) arguments.venv = true;
  } else if (arguments.venv) {
    venv = find_venv();
  }
  if (arguments.venv) {
    if (!venv.error.empty() && !arguments.fallback) {
      say(base::BorrowedFd(STDERR_FILENO), venv.error);
      ::_exit(base::k_exit_config);
    }
    arguments.profile = venv.profile;
    arguments.venv_python = venv.python;
    arguments.venv_error = venv.error;
  }
  const SignalSet blocked = block_all_signals();
  if (const auto reason = find_obstacle(arguments))
    step_aside(arguments, *reason, {}, blocked, trace);
  Launch launch(arguments, blocked, trace);
  const Outcome outcome = launch.run();
  if (outcome.kind == Outcome::Kind::aside)
    step_aside(arguments, outcome.reason, outcome.interpreter, blocked, trace);
  trace.write_line();
  if (outcome.kind == Outcome::Kind::killed) die_by(outcome.value);
  ::_exit(outcome.value);
}

}  // namespace pml::client
