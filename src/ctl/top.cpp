#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <cctype>
#include <csignal>
#include <optional>

#include "base/unique_fd.hpp"
#include "ctl/command.hpp"
#include "ctl/service.hpp"
#include "ctl/status_view.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

namespace {

constexpr int k_look_again_ms = 1000;

/// The terminal gives each key at once and shows none; as it was when this object goes, which it
/// does by a signal, too.
class Keys {
 public:
  Keys() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&ending, signal);
    ::sigprocmask(SIG_BLOCK, &ending, &blocked_before_);
    signals_ = base::UniqueFd(base::k_adopt, ::signalfd(-1, &ending, SFD_CLOEXEC));
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) != 0) return;
    before_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() {
    if (before_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
    // One that came meanwhile ends the command here.
    ::sigprocmask(SIG_SETMASK, &blocked_before_, nullptr);
  }

  /// Waits a while; true where q was typed meanwhile, or a signal came.
  [[nodiscard]] bool quit() const {
    pollfd ready[] = {{before_ ? STDIN_FILENO : -1, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    char key = 0;
    if (::poll(ready, std::size(ready), k_look_again_ms) <= 0) return false;
    if (ready[1].revents != 0) return true;
    return ::read(STDIN_FILENO, &key, 1) != 1 || std::tolower(key) == 'q';
  }

 private:
  std::optional<termios> before_;
  sigset_t blocked_before_{};
  base::UniqueFd signals_;
};

std::string jobs_of(Services& services, const std::string& name) {
  Table table({"JOB", "STATE", ">RUNS FOR", "COMMAND"});
  for (const RunningJob& job : services.jobs(name).value_or(std::vector<RunningJob>()))
    table.add({{job.name}, {job.state}, {duration_text(job.seconds * 1000000)}, {job.command}});
  return table.empty() ? "" : "\n" + table.text();
}

std::string screen_of(Services& services, const std::string& name) {
  const auto status = services.status(name);
  if (!status) throw not_running(services, name);
  const auto memory = memory_of_pool(static_cast<pid_t>(status->number("zygote")));
  return status_view(*status, memory) + jobs_of(services, name);
}

}  // namespace

int top(const Options& options) {
  Services services;
  const std::string name = profile_of(options);
  if (::isatty(STDOUT_FILENO) == 0) {
    print(screen_of(services, name), false);
    return 0;
  }
  const std::string first = screen_of(services, name);
  const Keys keys;
  print_screen(first);
  while (!keys.quit()) print_screen(screen_of(services, name));
  return 0;
}

}  // namespace pml::ctl
