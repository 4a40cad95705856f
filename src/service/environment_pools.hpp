#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace pml::service {

/// Has pools made for virtual environments whose programs are started again and again: by a pmlctl
/// of its own, at idle priority, one after the other. How often is often, the client knows.
class EnvironmentPools {
 public:
  EnvironmentPools() = default;
  ~EnvironmentPools();
  EnvironmentPools(const EnvironmentPools&) = delete;
  EnvironmentPools& operator=(const EnvironmentPools&) = delete;

  /// Whether the profile wants them.
  void allow(bool allowed) noexcept { allowed_ = allowed; }
  /// Begins to make the pool of the environment `folder`. Returns why not, in words.
  std::optional<std::string> make_pool(const std::string& folder);
  /// A child of this process has ended. Returns false where it is not one of these.
  bool reaped(pid_t pid, int wait_status);
  /// None any more; what is being made is given up.
  void stop() noexcept;

 private:
  std::string folder_;  // of what is being made
  pid_t child_ = -1;    // leads a group of its own
  bool allowed_ = false;
};

}  // namespace pml::service
