#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/arguments.hpp"
#include "client/connection.hpp"
#include "client/context.hpp"
#include "client/job.hpp"
#include "client/outcome.hpp"
#include "client/relay.hpp"
#include "client/signals.hpp"
#include "client/terminal.hpp"
#include "client/trace.hpp"

namespace pml::client {

/// So long a client waits for an answer.
inline constexpr int k_patience_ms = 10'000;

/// One program, from the request to its end. All signals must be blocked while it is used.
class Launch {
 public:
  /// `blocked` is the signal mask the client was started with. The references must outlive this.
  Launch(const Arguments& arguments, SignalSet blocked, Trace& trace)
      : arguments_(arguments), blocked_(blocked), trace_(trace) {}

  /// Has the program run and waits for its end: anything but Outcome::again. Once the program has
  /// begun, the caller's descriptors are closed here.
  [[nodiscard]] Outcome run();

 private:
  Outcome attempt();
  std::optional<Outcome> attempt_in_place();
  std::optional<Outcome> ask_in_place(const std::string& path);
  std::optional<Outcome> become_job(std::string_view report);
  std::optional<Reason> make_frame();
  std::optional<Reason> find_terminal();
  void hand_over_descriptors(wire::Request& request);
  std::optional<Outcome> send();
  Outcome await_start();
  std::optional<Outcome> wait_for(short events);
  std::optional<Outcome> begun();
  Outcome give_up();
  std::optional<Outcome> read_reply();
  Outcome follow(int pid);

  const Arguments& arguments_;
  SignalSet blocked_;
  Trace& trace_;

  Context context_;
  std::string frame_;  // header and body, made once
  std::string in_place_frame_;
  std::vector<int> descriptors_;  // that travel with it
  Connection connection_;
  ReportSocket report_;
  base::UniqueFd signals_;
  TerminalRole role_ = TerminalRole::none;
  Attention attention_ = Attention::always;
  Terminal terminal_;
  std::optional<Relay> relay_;
  std::optional<Job> job_;
};

}  // namespace pml::client
