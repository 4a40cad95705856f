#pragma once

namespace pml::base {

/// pml's own failures, as in sysexits.h. A job's statuses are passed on as they are.
inline constexpr int k_exit_usage = 64;  ///< wrong words on the command line
inline constexpr int k_exit_unavailable =
    69;  ///< the service cannot serve and --no-fallback was given
inline constexpr int k_exit_software = 70;     ///< a defect of pml's own
inline constexpr int k_exit_cant_create = 73;  ///< a file or socket could not be made
inline constexpr int k_exit_overloaded = 75;   ///< the queue is full
inline constexpr int k_exit_refused = 77;      ///< the peer may not be served
inline constexpr int k_exit_config = 78;       ///< the profile is wrong; restarting does not help
inline constexpr int k_exit_replaced = 79;  ///< pmld was replaced on disk, the new one is to start

}  // namespace pml::base
