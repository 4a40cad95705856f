#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/process_group.hpp"
#include "base/unique_fd.hpp"
#include "wire/zygote_message.hpp"
#include "worker/footprint.hpp"

namespace pml::zygote {

/// The loop of the zygote: forks workers when the service asks for them, reaps them, passes signals
/// on. Ends when the service closes the link. Single-threaded; the GIL is held throughout.
class ForkServer {
 public:
  /// Takes the link to the service over.
  ForkServer(base::UniqueFd link, std::vector<std::string> after_fork);

  /// Serves until the link closes. In a forked worker it never returns.
  void run();

  /// The same for a program that ran ahead: a child is forked as it stands, without a word to
  /// Python, which goes on in it as if nothing had been. Returns a worker's link in each child, and
  /// none in this process, at the end.
  [[nodiscard]] base::UniqueFd run_plainly();

 private:
  void handle_order();
  void handle_signals();
  void fork_one(bool imager = false);
  void tell_of(pid_t pid, int error, const base::LeaderlessGroup& group, base::UniqueFd near,
               bool imager = false);
  void fork_many(int count);
  void deliver(const wire::Order& order);
  void send(const wire::Event& event, int descriptor = -1);
  [[noreturn]] void become_worker(base::UniqueFd link, bool imager);

  base::UniqueFd link_;
  base::UniqueFd signals_;
  std::vector<std::string> after_fork_;
  std::vector<int> children_;  // forked and not yet reaped
  std::optional<worker::Footprint> footprint_;
  sigset_t before_{};
  base::UniqueFd own_;  // of a child that was forked plainly
  bool plain_ = false;
  bool leaving_ = false;
};

}  // namespace pml::zygote
