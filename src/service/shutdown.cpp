#include "service/shutdown.hpp"

#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <utility>

namespace pml::service {

namespace {

/// How long jobs may take to end after SIGTERM, where it is bounded.
constexpr std::chrono::seconds k_stop_time{10};
/// How long zygotes may take to leave, and then what was theirs.
constexpr std::chrono::milliseconds k_leave_time{2000};
constexpr std::chrono::milliseconds k_reap_time{200};

}  // namespace

Shutdown::Shutdown(event::Loop& loop, Dispatcher& dispatcher, Hatchery& hatchery,
                   Programs& programs, const std::function<void()>& asked)
    : loop_(loop),
      dispatcher_(dispatcher),
      hatchery_(hatchery),
      programs_(programs),
      terminate_(loop, SIGTERM, [asked](const signalfd_siginfo&) { asked(); }),
      interrupt_(loop, SIGINT, [asked](const signalfd_siginfo&) { asked(); }),
      timer_(loop, [this] { press(); }) {}

bool Shutdown::begin(int exit_status) {
  if (std::exchange(begun_, true)) {
    press();
    return false;
  }
  exit_status_ = exit_status;
  return true;
}

void Shutdown::proceed(bool bounded) {
  hatchery_.start_no_more();
  programs_.stop();
  dispatcher_.stop();
  if (bounded) timer_.arm(k_stop_time);
  check();
}

void Shutdown::check() {
  if (dispatcher_.has_jobs()) return;
  if (!hatchery_.empty() || !programs_.empty()) {
    if (std::exchange(killing_, true)) return;
    timer_.arm(k_leave_time);
    hatchery_.stop();
    programs_.leave();
    return;
  }
  // Idle workers were told to go a moment ago, and nobody else would reap them. What jobs left
  // behind stays.
  siginfo_t info{};
  const bool childless = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0;
  if (childless || (last_wait_ && !timer_.armed())) {
    loop_.exit(exit_status_);
  } else if (!std::exchange(last_wait_, true)) {
    timer_.arm(k_reap_time);
  }
}

void Shutdown::press() {
  dispatcher_.kill_jobs();
  if (dispatcher_.has_jobs()) return;
  hatchery_.kill_all();
  programs_.kill_all();
  if (hatchery_.empty() && programs_.empty()) loop_.exit(exit_status_);
}

}  // namespace pml::service
