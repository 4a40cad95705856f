#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/answer.hpp"
#include "ctl/command.hpp"
#include "ctl/manager.hpp"

namespace pml::ctl {

inline constexpr int k_patience_seconds = 5;

/// The service answers, but not this caller: of another user, in other namespaces, more confined.
class Denied : public Failure {
 public:
  explicit Denied(const std::string& sentence) : Failure(k_exit_not_running, sentence) {}
};

/// Asks the service at `socket` one line of the text dialect; nothing where nobody listens or
/// answers within `patience` seconds. Throws Denied. Starts a service whose socket systemd holds.
[[nodiscard]] std::optional<std::string> ask(const std::string& socket, std::string_view line,
                                             int patience = k_patience_seconds);

/// The socket of a profile's service. Where the name holds a slash, it is the path of a socket.
[[nodiscard]] std::string socket_of(const std::string& profile);

/// The services of this user: those of the manager, and those that run without one.
class Services {
 public:
  Services();

  [[nodiscard]] std::optional<Manager>& manager() noexcept { return manager_; }
  /// The names of all sockets there are.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Whether asking would only start the service: the manager holds its socket and it is not
  /// running.
  [[nodiscard]] bool asleep(const std::string& profile);
  /// "active", "inactive", "failed", …; of the manager, or of what answers without one.
  [[nodiscard]] std::string service_state(const std::string& profile);
  [[nodiscard]] std::string socket_state(const std::string& profile);
  /// The service's status; nothing where it does not run. Throws Denied, as all that asks.
  [[nodiscard]] std::optional<ServiceStatus> status(const std::string& profile);
  /// Whether a service is there that could answer, and may hang.
  [[nodiscard]] bool listens(const std::string& profile);
  [[nodiscard]] std::optional<std::vector<RunningJob>> jobs(const std::string& profile);

 private:
  [[nodiscard]] bool managed(const std::string& profile) const {
    return manager_.has_value() && profile.find('/') == std::string::npos;
  }

  std::optional<Manager> manager_;
};

/// The failure for a service that does not run, with what to do about it; for a profile that does
/// not exist, that.
[[nodiscard]] Failure not_running(Services& services, const std::string& profile);

/// Throws Failure where no profile can have that name.
void require_name(const std::string& profile);

/// Throws Failure where there is no such profile, or it is bad.
void require_profile(const std::string& profile);

/// Throws Failure where there is neither such a profile, good or bad, nor a service of that name.
void require_known(Services& services, const std::string& profile);

}  // namespace pml::ctl
