#include "client/job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>

namespace pml::client {

Job::Job(int pid, Connection& connection, ReportSocket& report, base::BorrowedFd signals,
         Trace& trace) noexcept
    : pid_(pid), connection_(connection), report_(report), signals_(signals), trace_(trace) {
  change_signals(signals_, k_forwarded_signals);
}

void Job::set_relay(Relay& relay) noexcept {
  relay_ = &relay;
}

// A pipe's reader must see its end as soon as the job closes it, so only others are kept.
void Job::keep_error() noexcept {
  if (::isatty(STDERR_FILENO) != 0 || ::syscall(SYS_lseek, STDERR_FILENO, 0L, SEEK_CUR) >= 0)
    error_ = base::duplicate(base::BorrowedFd(STDERR_FILENO), 3);
}

void Job::let_go(int last) noexcept {
  keep_error();
  std::array<int, 8> own = {connection_.socket().get(),
                            report_.socket().get(),
                            signals_.get(),
                            trace_.descriptor().get(),
                            error_.get(),
                            -1,
                            -1,
                            -1};
  if (relay_ != nullptr) {
    const Terminal& terminal = relay_->terminal();
    own[5] = terminal.real().get();
    own[6] = terminal.near().get();
    own[7] = terminal.control().get();
  }
  base::close_all_but(own, static_cast<unsigned>(last));
  // Opened this early, it cannot be a later process of the same number.
  process_ = base::UniqueFd(base::k_adopt, static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

Outcome Job::wait() {
  if (connection_.has_buffered())
    if (auto end = read_replies()) return std::move(*end);
  for (;;) {
    const bool tended = relay_ != nullptr && relay_->terminal().control().valid();
    base::BorrowedFd source = connection_.socket();
    if (orphaned_) source = tended ? base::BorrowedFd() : process_.borrow();  // its shepherd tells
    pollfd ready[] = {{source.get(), POLLIN, 0},
                      {signals_.get(), POLLIN, 0},
                      {report_.socket().get(), POLLIN, 0},
                      {-1, 0, 0},
                      {-1, 0, 0},
                      {-1, 0, 0}};
    if (relay_ != nullptr) {
      const auto waits = relay_->waits();
      std::copy(waits.begin(), waits.end(), ready + 3);
      ready[5] = {relay_->terminal().control().get(), POLLIN, 0};
    }
    if (::poll(ready, relay_ != nullptr ? std::size(ready) : 3, -1) < 0) continue;
    std::optional<Outcome> end;
    if (relay_ != nullptr) relay_->ready(ready[3], ready[4]);
    if (ready[2].revents != 0) end = read_report();
    if (!end && relay_ != nullptr && ready[5].revents != 0) end = read_words(*relay_);
    if (!end && ready[0].revents != 0) end = orphaned_ ? service_lost() : read_replies();
    if (end) return std::move(*end);
    if (ready[1].revents != 0) pass_signals_on();
  }
}

std::optional<Outcome> Job::read_report() {
  const auto status = report_.read(pid_);
  if (!status) return std::nullopt;
  trace_.mark("reported");
  // Hanging up without a word would end what the job has left behind on purpose.
  if (!orphaned_) (void)connection_.send_signal(wire::k_end_seen, false);
  return Outcome::exited(*status);
}

std::optional<Outcome> Job::read_replies() {
  int stopped = 0;
  for (;;) {
    wire::Reply reply;
    const Reading reading = connection_.next_reply(reply);
    if (reading == Reading::none) break;
    if (reading != Reading::reply) {
      orphaned_ = true;
      trace_.mark("service lost");
      borrow_error();
      return process_.valid() ? std::nullopt : service_lost();
    }
    if (!reply.text.empty()) trace_.say(reply.text);
    if (reply.kind == wire::ReplyKind::exited) return Outcome::exited(reply.value);
    if (reply.kind == wire::ReplyKind::killed) return Outcome::killed(reply.value);
    if (reply.kind == wire::ReplyKind::stopped) stopped = reply.value;
    if (reply.kind == wire::ReplyKind::continued) stopped = 0;
  }
  if (stopped > 0) stop_by_signal(stopped);
  return std::nullopt;
}

void Job::borrow_error() {
  if (error_.valid()) return;
  const std::string path = "/proc/" + std::to_string(pid_) + "/fd/2";
  error_ = base::UniqueFd(base::k_adopt,
                          ::open(path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC));
}

// The process is gone, and there is no one left to tell how: only its own report may still be here.
std::optional<Outcome> Job::service_lost() {
  if (auto end = read_report()) return end;
  const auto error = trace_.enabled() ? trace_.descriptor() : error_.borrow();
  if (error.valid())
    say(error, "the service and the program are gone; how the program ended is not known");
  return Outcome::exited(base::k_exit_software);
}

void Job::pass_signals_on() {
  signalfd_siginfo info;
  while (next_signal(signals_, info)) pass_signal(info);
}

void Job::pass_signal(const signalfd_siginfo& info) {
  const int signal = static_cast<int>(info.ssi_signo);
  if (relay_ != nullptr) {
    // What the relay sent the caller's group, the job has from its terminal.
    if (info.ssi_code == SI_USER && info.ssi_pid == static_cast<unsigned>(::getpid())) return;
    if (signal == SIGCONT) return go_on(*relay_);
    if (signal == SIGWINCH && info.ssi_code == SI_KERNEL) return relay_->resize();
  }
  pass_on(signal, meant_for_group(info));
}

void Job::pass_on(int signal, bool whole_group) noexcept {
  using Kind = wire::TerminalWordKind;
  if (relay_ != nullptr &&
      relay_->terminal().say(whole_group ? Kind::signal_group : Kind::signal, signal))
    return;
  if (!orphaned_ && connection_.send_signal(signal, whole_group)) return;
  if (process_.valid()) ::syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0);
}

void Job::stop_by_signal(int signal) {
  const bool continued = stop_by(signal);
  // In a group that nobody could ever continue the kernel does not stop; then neither may the job.
  if (!continued) pass_on(SIGCONT, true);
}

std::optional<Outcome> Job::read_words(Relay& relay) {
  wire::TerminalWord word;
  while (relay.terminal().next_word(word)) {
    if (word.kind == wire::TerminalWordKind::stopped) stop_on_terminal(relay, word.value);
    if (word.kind == wire::TerminalWordKind::wish) relay.heed_wish();
    if (word.kind != wire::TerminalWordKind::ended) continue;
    if (auto end = read_report()) return end;
    return WIFSIGNALED(word.value) ? Outcome::killed(WTERMSIG(word.value))
                                   : Outcome::exited(WEXITSTATUS(word.value));
  }
  return std::nullopt;
}

void Job::stop_on_terminal(Relay& relay, int signal) {
  // A shell's `fg` of what already runs says nothing: the job's wish for the terminal tells.
  const bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
  if (wants_terminal && relay.terminal().in_foreground()) return go_on(relay);
  relay.suspend();
  if (!stop_by(signal)) go_on(relay);
}

void Job::go_on(Relay& relay) {
  relay.resume();
  pass_on(SIGCONT, true);
}

}  // namespace pml::client
