#include "client/signals.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace pml::client {

namespace {

constexpr int k_last_signal = 64;

// The kernel's own struct sigaction: libc's wrapper refuses signals 32 and 33.
struct KernelAction {
  void (*handler)(int) = SIG_DFL;
  unsigned long flags = 0;
  void (*restorer)() = nullptr;
  SignalSet mask = 0;
};

bool swap_action(int signal, const KernelAction* now, KernelAction* before) noexcept {
  return ::syscall(SYS_rt_sigaction, signal, now, before, sizeof(SignalSet)) == 0;
}

SignalSet change_mask(int how, SignalSet mask) noexcept {
  SignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, how, &mask, &before, sizeof mask);
  return before;
}

}  // namespace

SignalSet block_all_signals() noexcept {
  return change_mask(SIG_SETMASK, ~SignalSet{0});
}

void set_blocked_signals(SignalSet mask) noexcept {
  change_mask(SIG_SETMASK, mask);
}

SignalSet ignored_signals() noexcept {
  SignalSet ignored = 0;
  for (int signal = 1; signal <= k_last_signal; ++signal) {
    KernelAction action;
    if (swap_action(signal, nullptr, &action) && action.handler == SIG_IGN)
      ignored |= signal_bit(signal);
  }
  return ignored;
}

SignalSet pending_signals() noexcept {
  SignalSet pending = 0;
  ::syscall(SYS_rt_sigpending, &pending, sizeof pending);
  return pending;
}

base::UniqueFd open_signals(SignalSet signals) noexcept {
  return {base::k_adopt, static_cast<int>(::syscall(SYS_signalfd4, -1, &signals, sizeof signals,
                                                    SFD_CLOEXEC | SFD_NONBLOCK))};
}

void change_signals(base::BorrowedFd descriptor, SignalSet signals) noexcept {
  ::syscall(SYS_signalfd4, descriptor.get(), &signals, sizeof signals, 0);
}

bool next_signal(base::BorrowedFd descriptor, signalfd_siginfo& info) noexcept {
  return ::read(descriptor.get(), &info, sizeof info) == sizeof info;
}

bool meant_for_group(const signalfd_siginfo& info) noexcept {
  switch (info.ssi_signo) {
    case SIGCONT:
      // Whoever continues one process of a stopped group wants the whole of it to go on.
      return true;
    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGWINCH:
      return info.ssi_code == SI_KERNEL;
    default:
      return false;  // An alarm of the caller's comes from the kernel too, but to one process.
  }
}

bool stop_by(int signal) noexcept {
  const KernelAction standard;
  KernelAction before;
  if (signal != SIGSTOP) swap_action(signal, &standard, &before);
  ::kill(::getpid(), signal);
  if (signal != SIGSTOP) {
    change_mask(SIG_UNBLOCK, signal_bit(signal));  // Here it stops.
    change_mask(SIG_BLOCK, signal_bit(signal));
    swap_action(signal, &before, nullptr);
  }
  return (pending_signals() & signal_bit(SIGCONT)) != 0;
}

void die_by(int signal) noexcept {
  // The core file is the job's; a second one of the client would only hide it.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
  const KernelAction standard;
  swap_action(signal, &standard, nullptr);
  ::kill(::getpid(), signal);
  change_mask(SIG_UNBLOCK, signal_bit(signal));
  ::_exit(128 + signal);
}

}  // namespace pml::client
