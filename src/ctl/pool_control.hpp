#pragma once

#include <string>

#include "ctl/service.hpp"

namespace pml::ctl {

/// How long a pool may take to become warm before waiting for it is given up: longer than
/// preload-timeout's default.
inline constexpr int k_warm_patience_seconds = 120;

/// Starts the pool of `profile`, under the user manager or, where none runs, as a daemon. `wait`:
/// returns when it is warm. Throws Failure where there is no such profile, or it does not start.
void start_pool(Services& services, const std::string& profile, bool wait);

/// Ends the pool of `profile`, its programs and its socket. Nothing runs: nothing is done.
void stop_pool(Services& services, const std::string& profile);

/// Ends the service of `profile` with its programs and starts it anew; the socket stays.
void restart_pool(Services& services, const std::string& profile, bool wait);

/// From now on the pool is there from each login on, warm. Throws Failure without a manager.
void enable_pool(Services& services, const std::string& profile);
void disable_pool(Services& services, const std::string& profile);

/// Has the service read its profile again; `wait`: returns when the new pool is warm. Throws
/// Failure where it does not run, or the new profile is bad.
void reload_pool(Services& services, const std::string& profile, bool wait);

/// Waits until the service is warm and has a worker, for as long as its preloads may take. Throws
/// Failure where it will not be.
void wait_until_warm(Services& services, const std::string& profile);

/// Where a pool that runs without a manager writes.
[[nodiscard]] std::string standalone_log(const std::string& profile);

/// Whether there is a terminal to ask on.
[[nodiscard]] bool can_ask();

/// Asks on a terminal. True without one, and where `yes`.
[[nodiscard]] bool agreed(const std::string& question, bool yes);

}  // namespace pml::ctl
