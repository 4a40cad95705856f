#pragma once

#include <sys/signalfd.h>

#include <cstdint>

#include "base/unique_fd.hpp"

namespace pml::client {

/// Signals 1 to 64 as the kernel counts them: bit n-1 is signal n. The kernel's own form, because
/// libc hides two of them.
using SignalSet = std::uint64_t;

constexpr SignalSet signal_bit(int signal) noexcept {
  return SignalSet{1} << (signal - 1);
}

/// Blocks every signal and returns the mask that was there.
SignalSet block_all_signals() noexcept;

/// Makes `mask` the set of blocked signals.
void set_blocked_signals(SignalSet mask) noexcept;

/// The signals that are SIG_IGN now.
[[nodiscard]] SignalSet ignored_signals() noexcept;

/// The signals that were sent to this process and wait because they are blocked.
[[nodiscard]] SignalSet pending_signals() noexcept;

/// A descriptor that reads the pending ones of `signals`; they must be blocked. Invalid, with errno
/// set, where that fails.
[[nodiscard]] base::UniqueFd open_signals(SignalSet signals) noexcept;

/// Changes what `descriptor`, made by open_signals(), reads.
void change_signals(base::BorrowedFd descriptor, SignalSet signals) noexcept;

/// Reads one pending signal; false where there is none.
[[nodiscard]] bool next_signal(base::BorrowedFd descriptor, signalfd_siginfo& info) noexcept;

/// What a caller's `kill`, terminal or shell may end a client with before its program began.
inline constexpr SignalSet k_ending_signals =
    signal_bit(1) | signal_bit(2) | signal_bit(3) | signal_bit(15);  // HUP INT QUIT TERM

/// Everything a job can be sent but what is the client's own business: SIGKILL, SIGSTOP, SIGCHLD.
inline constexpr SignalSet k_forwarded_signals = ~(signal_bit(9) | signal_bit(19) | signal_bit(17));

/// Whether the signal is one that the terminal or the end of a session sent to the whole process
/// group, so that the job's group is due to get it.
[[nodiscard]] bool meant_for_group(const signalfd_siginfo& info) noexcept;

/// Stops this process by `signal`, as its job was stopped, whatever is blocked or ignored. Returns
/// when it goes on; true where a SIGCONT waits to be read.
bool stop_by(int signal) noexcept;

/// Ends this process by `signal`, without a core file; by exit status 128+signal where it cannot.
[[noreturn]] void die_by(int signal) noexcept;

}  // namespace pml::client
