#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cctype>
#include <optional>

#include "ctl/command.hpp"
#include "ctl/service.hpp"
#include "ctl/status_view.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

namespace {

constexpr int k_look_again_ms = 1000;

/// The terminal gives each key at once and shows none; as it was when this object goes.
class Keys {
 public:
  Keys() {
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
  }

  /// Waits a while; true where q was typed meanwhile.
  [[nodiscard]] bool quit() const {
    pollfd input{before_ ? STDIN_FILENO : -1, POLLIN, 0};
    char key = 0;
    if (::poll(&input, 1, k_look_again_ms) <= 0) return false;
    return ::read(STDIN_FILENO, &key, 1) != 1 || std::tolower(key) == 'q';
  }

 private:
  std::optional<termios> before_;
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
