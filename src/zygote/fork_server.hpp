#pragma once

#include <string>
#include <vector>

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

 private:
  void handle_order();
  void handle_signals();
  void fork_one();
  void fork_many(int count);
  void deliver(const wire::Order& order);
  void send(const wire::Event& event, int descriptor = -1);
  [[noreturn]] void become_worker(base::UniqueFd link);

  base::UniqueFd link_;
  base::UniqueFd signals_;
  std::vector<std::string> after_fork_;
  std::vector<int> children_;  // forked and not yet reaped
  worker::Footprint footprint_;
  bool leaving_ = false;
};

}  // namespace pml::zygote
