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
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/process_group.hpp"
#include "base/terminal_text.hpp"
#include "wire/channel.hpp"
#include "wire/terminal_word.hpp"
#include "wire/zygote_message.hpp"
#include "worker/identity.hpp"
#include "worker/python.hpp"
#include "worker/terminal_wish.hpp"

namespace pml::worker {

namespace {

using wire::TerminalWord;
using wire::TerminalWordKind;

/// The kernel's own form: libc hides two signals.
using SignalSet = std::uint64_t;

/// So often it is looked whether the client was stopped, and the job waits for input, which nobody
/// tells; less often the longer neither is so.
constexpr int k_first_look_ms = 50;
constexpr int k_last_look_ms = 250;
constexpr std::size_t k_piece = 4096;

SignalSet change_mask(SignalSet mask) noexcept {
  SignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof mask);
  return before;
}

/// The process that made the pair.
class Client {
 public:
  Client() = default;
  explicit Client(base::BorrowedFd control) noexcept {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(control.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    process_ = {base::k_adopt, static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0))};
    const std::string path = "/proc/" + std::to_string(peer.pid) + "/stat";
    state_ = {base::k_adopt, ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  }

  [[nodiscard]] int process() const noexcept { return process_.get(); }
  [[nodiscard]] int state() const noexcept { return state_.get(); }

  void go_on() const noexcept {
    if (process_.valid()) ::syscall(SYS_pidfd_send_signal, process_.get(), SIGCONT, nullptr, 0);
  }

  [[nodiscard]] bool is_stopped() const noexcept {
    char text[256];
    const ssize_t size = ::pread(state_.get(), text, sizeof text, 0);
    const std::string_view view(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    const std::size_t name_end = view.rfind(") ");
    return name_end != std::string_view::npos && view.substr(name_end + 2, 1) == "T";
  }

 private:
  base::UniqueFd process_;
  base::UniqueFd state_;  // proc_pid_stat(5)
};

/// The job's parent. Every signal is blocked in it.
class Shepherd {
 public:
  Shepherd(pid_t job, pid_t group, JobTerminal& terminal, base::BorrowedFd link)
      : job_(job), group_(group), terminal_(terminal), link_(link) {}

  [[noreturn]] void run() {
    ::prctl(PR_SET_NAME, "pml-shepherd");
    client_ = Client(terminal_.control.borrow());
    const SignalSet all = ~SignalSet{0};
    signals_ = base::UniqueFd(base::k_adopt,
                              static_cast<int>(::syscall(SYS_signalfd4, -1, &all, sizeof all,
                                                         SFD_CLOEXEC | SFD_NONBLOCK)));
    // What the job has open is not for its parent to hold.
    base::close_all_but(std::array{terminal_.far.get(), terminal_.control.get(),
                                   terminal_.near.get(), terminal_.real.get(), client_.process(),
                                   client_.state(), signals_.get(), link_.get()});
    std::optional<TerminalWish> wish;
    if (terminal_.tells_wishes) wish.emplace(job_, terminal_.far.borrow());
    for (int look = k_first_look_ms;;) {
      std::array<pollfd, 2> waits{
          {{terminal_.control.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      const int ready = ::poll(waits.data(), waits.size(), terminal_.control.valid() ? look : -1);
      if (ready < 0) continue;
      if (waits[0].revents != 0) read_control();
      if (waits[1].revents != 0) read_signals();
      if (ready > 0 || !terminal_.control.valid()) continue;
      look = std::min(look + 1, k_last_look_ms);
      if (!stopped_ && client_.is_stopped()) hold();
      if (!wish || !wish->is_shown()) continue;
      tell(TerminalWordKind::wish, 0);
      look = k_first_look_ms;
    }
  }

 private:
  void read_control() noexcept {
    TerminalWord word;
    const ssize_t size = ::recv(terminal_.control.get(), &word, sizeof word, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size != sizeof word) {
      terminal_.control.reset();
      if (!farewell_) ::kill(job_, SIGKILL);  // So was the client: nothing else ends it so.
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
        ::tcsetpgrp(terminal_.far.get(), group_);
        break;
      case TerminalWordKind::background:
        ::tcsetpgrp(terminal_.far.get(), ::getpid());
        break;
      case TerminalWordKind::farewell:
        farewell_ = true;
        break;
      case TerminalWordKind::hang_up:
        // What the hang-up is to tell the job, the client is told and passes on.
        hung_up_ = true;
        terminal_.near.reset();
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

  /// As the client is: nothing is told, and its going on is the job's.
  void hold() noexcept {
    stopped_ = held_ = true;
    ::kill(job_, SIGSTOP);
  }

  void look_at_job() noexcept {
    int status = 0;
    while (::wait4(job_, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage_) == job_) {
      if (WIFSTOPPED(status)) {
        if (std::exchange(held_, false)) continue;
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
    if (!std::exchange(stopped_, false)) return;
    continued_client_ = true;
    client_.go_on();
  }

  void tell(TerminalWordKind kind, int value) noexcept {
    const TerminalWord word{kind, value};
    if (terminal_.control.valid())
      ::send(terminal_.control.get(), &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  /// The end of a session's leader empties the terminal: the client reads it first.
  [[noreturn]] void end(int status) noexcept {
    // What the job leaves behind is not hung up.
    ::tcsetpgrp(terminal_.far.get(), ::getpid());
    tell(TerminalWordKind::ended, status);
    if (WIFSIGNALED(status) && stopped_) client_.go_on();
    TerminalWord word;
    while (terminal_.control.valid() &&
           ::recv(terminal_.control.get(), &word, sizeof word, 0) > 0) {
    }
    if (is_terminal_in_use()) stay(status);
    if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::signal(WTERMSIG(status), SIG_DFL);
    ::kill(::getpid(), WTERMSIG(status));
    change_mask(0);
    ::_exit(128 + WTERMSIG(status));
  }

  /// Whether others than this process have the far end open.
  [[nodiscard]] bool is_terminal_in_use() noexcept {
    terminal_.far.reset();
    pollfd entry{terminal_.near.get(), 0, 0};
    return terminal_.near.valid() && terminal_.real.valid() && ::poll(&entry, 1, 0) == 0;
  }

  /// Without its session's leader the terminal would be hung up for whom the job has left there. So
  /// this process stays, and carries what they write to where it would have gone.
  [[noreturn]] void stay(int status) noexcept {
    const auto usec = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
             static_cast<std::uint64_t>(time.tv_usec);
    };
    const wire::Verdict verdict{wire::VerdictKind::ended,
                                status,
                                {},
                                usec(usage_.ru_utime) + usec(usage_.ru_stime),
                                static_cast<std::uint64_t>(usage_.ru_maxrss)};
    (void)wire::send_some(link_, wire::encode(verdict));
    base::close_all_but(std::array{terminal_.near.get(), terminal_.real.get()});
    change_mask(0);
    for (;;) {
      pollfd entry{terminal_.near.get(), POLLIN, 0};
      ::poll(&entry, 1, -1);
      char piece[k_piece];
      const ssize_t size = ::read(terminal_.near.get(), piece, sizeof piece);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (size <= 0) ::_exit(0);
      write_real({piece, static_cast<std::size_t>(size)});
    }
  }

  void write_real(std::string text) noexcept {
    termios modes{};
    if (::tcgetattr(terminal_.real.get(), &modes) == 0 && (modes.c_oflag & OPOST) != 0)
      base::take_out_returns(text);
    while (!text.empty()) {
      const ssize_t size = ::write(terminal_.real.get(), text.data(), text.size());
      if (size > 0) text.erase(0, static_cast<std::size_t>(size));
      if (size > 0 || (size < 0 && errno == EINTR)) continue;
      if (errno != EAGAIN) ::_exit(0);
      pollfd room{terminal_.real.get(), POLLOUT, 0};
      ::poll(&room, 1, -1);
      if ((room.revents & (POLLHUP | POLLERR)) != 0) ::_exit(0);
    }
  }

  pid_t job_;
  pid_t group_;
  JobTerminal& terminal_;
  base::BorrowedFd link_;
  Client client_;
  base::UniqueFd signals_;
  rusage usage_{};                 // of the job, once it has ended
  bool held_ = false;              // it is being stopped because the client was
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
  return JobTerminal{std::move(*found[0]), std::move(*found[1]), std::move(*found[2]),
                     std::move(*found[3]), (request.flags & wire::k_flag_tell_wishes) != 0};
}

bool enter_terminal(JobTerminal terminal, bool leads_group, base::BorrowedFd link,
                    bool tells_python) {
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
    Shepherd(job, group, terminal, link).run();
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
