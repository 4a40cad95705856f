#pragma once

#include <optional>
#include <span>

#include "client/connection.hpp"
#include "client/outcome.hpp"
#include "client/relay.hpp"
#include "client/signals.hpp"
#include "client/terminal.hpp"
#include "client/trace.hpp"

namespace pml::client {

/// A program that has begun, as the client sees it: passes signals to it, stops with it, and waits
/// for its end. All signals must be blocked.
class Job {
 public:
  /// `signals` comes from open_signals(). The references must outlive this.
  Job(int pid, Connection& connection, ReportSocket& report, base::BorrowedFd signals,
      Trace& trace) noexcept;

  /// The job has a terminal, which `relay` tends; it must outlive this.
  void set_relay(Relay& relay) noexcept;

  /// Closes every descriptor from 0 to `last` but pml's own, so that only the job holds them.
  void let_go(int last) noexcept;

  /// Waits for the end: exited or killed. Where the service and the job are lost without a word,
  /// exited with k_exit_software, and a line on standard error where that can still be reached.
  [[nodiscard]] Outcome wait();

 private:
  void keep_error() noexcept;
  void borrow_error();
  std::optional<Outcome> read_replies();
  std::optional<Outcome> service_lost();
  std::optional<Outcome> read_report();
  void pass_signals_on();
  void pass_on(int signal, bool whole_group) noexcept;
  void pass_signal(const signalfd_siginfo& info);
  void stop_by_signal(int signal);
  std::optional<Outcome> read_words(Relay& relay);
  void stop_on_terminal(Relay& relay, int signal);
  void go_on(Relay& relay);

  int pid_;
  Connection& connection_;
  ReportSocket& report_;
  base::BorrowedFd signals_;
  Trace& trace_;
  Relay* relay_ = nullptr;
  base::UniqueFd process_;
  base::UniqueFd error_;  // standard error, for the one line that may have to be written at the end
  bool orphaned_ = false;  // the service is gone; only the report and the process itself remain
};

}  // namespace pml::client
