#include "worker/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <optional>

#include "base/process_group.hpp"
#include "wire/terminal_word.hpp"
#include "worker/identity.hpp"
#include "worker/python.hpp"

namespace pml::worker {

namespace {

using wire::TerminalWord;
using wire::TerminalWordKind;

/// The kernel's own form: libc hides two signals.
using SignalSet = std::uint64_t;

constexpr int k_before_kill_ms = 5000;

SignalSet change_mask(SignalSet mask) noexcept {
  SignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof mask);
  return before;
}

/// A handle of the process that made the pair.
base::UniqueFd open_client(base::BorrowedFd control) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(control.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  return {base::k_adopt, static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0))};
}

/// The job's parent. Every signal is blocked in it.
class Shepherd {
 public:
  Shepherd(pid_t job, pid_t group, JobTerminal& terminal)
      : job_(job),
        group_(group),
        far_(terminal.far),
        control_(terminal.control),
        near_(terminal.near) {}

  [[noreturn]] void run() {
    ::prctl(PR_SET_NAME, "pml-shepherd");
    client_ = open_client(control_.borrow());
    const SignalSet all = ~SignalSet{0};
    signals_ = base::UniqueFd(base::k_adopt,
                              static_cast<int>(::syscall(SYS_signalfd4, -1, &all, sizeof all,
                                                         SFD_CLOEXEC | SFD_NONBLOCK)));
    close_others();
    for (;;) {
      std::array<pollfd, 2> waits{{{control_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      // A job that outlives its killed client by so much is ended, as one without a terminal is.
      const int ready =
          ::poll(waits.data(), waits.size(), control_.valid() ? -1 : k_before_kill_ms);
      if (ready == 0) signal_group(SIGKILL);
      if (ready <= 0) continue;
      if (waits[0].revents != 0) read_control();
      if (waits[1].revents != 0) read_signals();
    }
  }

 private:
  /// What the job has open is not for its parent to hold.
  void close_others() noexcept {
    std::array<int, 5> own{far_.get(), control_.get(), near_.get(), client_.get(), signals_.get()};
    std::sort(own.begin(), own.end());
    unsigned next = 0;
    for (const int number : own) {
      if (number < 0) continue;
      const auto current = static_cast<unsigned>(number);
      if (current > next) base::close_between(next, current - 1);
      next = current + 1;
    }
    base::close_between(next, UINT_MAX);
  }

  void read_control() noexcept {
    TerminalWord word;
    const ssize_t size = ::recv(control_.get(), &word, sizeof word, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size != sizeof word) {
      control_.reset();
      if (!farewell_) near_.reset();  // The client is gone, and its terminal with it.
      return;
    }
    switch (word.kind) {
      case TerminalWordKind::signal:
        ::kill(job_, word.value);
        break;
      case TerminalWordKind::signal_group:
        if (word.value == SIGCONT && !client_knows()) break;
        signal_group(word.value);
        break;
      case TerminalWordKind::foreground:
        ::tcsetpgrp(far_.get(), group_);
        break;
      case TerminalWordKind::background:
        ::tcsetpgrp(far_.get(), ::getpid());
        break;
      case TerminalWordKind::farewell:
        farewell_ = true;
        break;
      case TerminalWordKind::hang_up:
        // What the hang-up is to tell the job, the client is told and passes on.
        hung_up_ = true;
        near_.reset();
        break;
      default:
        break;
    }
  }

  /// Whether a SIGCONT of the client is news: not where it only answers ours.
  bool client_knows() noexcept {
    stopped_ = false;
    return !std::exchange(continued_client_, false);
  }

  /// A group that the job has left may be gone, and its number another's.
  void signal_group(int signal) const noexcept {
    ::kill(::getpgid(job_) == group_ ? -group_ : job_, signal);
  }

  void read_signals() noexcept {
    signalfd_siginfo info;
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGCHLD)
        look_at_job();
      else if (meant_for_job(info))
        signal_group(signal);
    }
  }

  /// The keyboard of a job in the background does not mean it, and a hang-up is the shell's to
  /// tell.
  [[nodiscard]] bool meant_for_job(const signalfd_siginfo& info) const noexcept {
    if (info.ssi_code != SI_KERNEL) return true;
    return !hung_up_ && (info.ssi_signo == SIGHUP || info.ssi_signo == SIGCONT);
  }

  void look_at_job() noexcept {
    int status = 0;
    while (::waitpid(job_, &status, WNOHANG | WUNTRACED | WCONTINUED) == job_) {
      if (WIFSTOPPED(status)) {
        stopped_ = true;
        tell(TerminalWordKind::stopped, WSTOPSIG(status));
      } else if (WIFCONTINUED(status)) {
        continued();
      } else {
        end(status);
      }
    }
  }

  /// Somebody else had the job go on: the client must, too, and cannot read that it must.
  void continued() noexcept {
    if (!std::exchange(stopped_, false) || !client_.valid()) return;
    continued_client_ = true;
    ::syscall(SYS_pidfd_send_signal, client_.get(), SIGCONT, nullptr, 0);
  }

  void tell(TerminalWordKind kind, int value) noexcept {
    const TerminalWord word{kind, value};
    if (control_.valid()) ::send(control_.get(), &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  /// The end of a session's leader empties the terminal: the client reads it first.
  [[noreturn]] void end(int status) noexcept {
    // What the job leaves behind is not hung up.
    ::tcsetpgrp(far_.get(), ::getpid());
    tell(TerminalWordKind::ended, status);
    if (WIFSIGNALED(status) && stopped_ && client_.valid())
      ::syscall(SYS_pidfd_send_signal, client_.get(), SIGCONT, nullptr, 0);
    TerminalWord word;
    while (control_.valid() && ::recv(control_.get(), &word, sizeof word, 0) > 0) {
    }
    if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::signal(WTERMSIG(status), SIG_DFL);
    ::kill(::getpid(), WTERMSIG(status));
    change_mask(0);
    ::_exit(128 + WTERMSIG(status));
  }

  pid_t job_;
  pid_t group_;
  base::UniqueFd& far_;
  base::UniqueFd& control_;
  base::UniqueFd& near_;
  base::UniqueFd client_;
  base::UniqueFd signals_;
  bool hung_up_ = false;           // the client's terminal is gone, the client is not
  bool farewell_ = false;          // the client has seen the job's end
  bool stopped_ = false;           // the client was told so and has not answered
  bool continued_client_ = false;  // its next SIGCONT is the answer
};

}  // namespace

std::optional<JobTerminal> take_terminal(const wire::Request& request,
                                         std::vector<base::UniqueFd>& descriptors) {
  std::vector<base::UniqueFd*> found;
  for (std::size_t i = 0; i < request.descriptors.size(); ++i)
    if (request.descriptors[i] == wire::k_descriptor_terminal) found.push_back(&descriptors[i]);
  if (found.size() != wire::k_terminal_descriptors) return std::nullopt;
  return JobTerminal{std::move(*found[0]), std::move(*found[1]), std::move(*found[2])};
}

bool enter_terminal(JobTerminal terminal, bool leads_group, bool tells_python) {
  if (::setsid() < 0 || ::ioctl(terminal.far.get(), TIOCSCTTY, 0) != 0) return false;
  std::optional<base::LeaderlessGroup> other;
  if (!leads_group && other.emplace().id() == 0) return false;
  if (tells_python) PyOS_BeforeFork();
  const SignalSet before = change_mask(~SignalSet{0});
  const pid_t job = ::fork();
  const pid_t group = other ? other->id() : job;
  if (job > 0) {
    ::setpgid(job, group);
    other.reset();
    Shepherd(job, group, terminal).run();
  }
  if (job == 0) {
    // Blocked, the signal for changing the foreground from the background does not come.
    ::setpgid(0, group);
    ::tcsetpgrp(terminal.far.get(), ::getpgrp());
    if (tells_python) PyOS_AfterFork_Child();
    renew_thread_number();
  } else if (tells_python) {
    PyOS_AfterFork_Parent();
  }
  change_mask(before);
  return job == 0;
}

}  // namespace pml::worker
