#pragma once

#include "base/unique_fd.hpp"

namespace pml::service {

/// The background half of a process that went there.
class Daemon {
 public:
  Daemon() noexcept = default;

  /// Forks. The parent waits until the child has said how its start went, and exits with that; it
  /// does not return. The child returns, in a session of its own. Throws std::system_error.
  void detach();
  [[nodiscard]] bool detached() const noexcept { return detached_; }

  /// Lets the parent exit with `status`, and lets go of the terminal. Does nothing the second time,
  /// or without detach().
  void started(int status) noexcept;

 private:
  base::UniqueFd parent_;
  bool detached_ = false;
};

}  // namespace pml::service
