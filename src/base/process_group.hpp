#pragma once

#include <sys/types.h>

namespace pml::base {

/// A process group in this process's session that no living process leads: one that was made by a
/// child which has ended. It goes when its last member leaves it or, before it has any, with this
/// object.
class LeaderlessGroup {
 public:
  /// id() is 0 where that fails.
  LeaderlessGroup() noexcept;
  ~LeaderlessGroup();
  LeaderlessGroup(const LeaderlessGroup&) = delete;
  LeaderlessGroup& operator=(const LeaderlessGroup&) = delete;

  [[nodiscard]] pid_t id() const noexcept { return id_; }

 private:
  pid_t id_ = 0;
};

/// Sends the signal to the process group of `member`, a child that was not reaped yet; to it alone
/// where that is this process's own group.
void signal_group_of(pid_t member, int signal) noexcept;

}  // namespace pml::base
