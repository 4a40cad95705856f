#pragma once

#include <string>

#include "service/dispatcher.hpp"
#include "service/hatchery.hpp"
#include "service/late_imports.hpp"

namespace pml::service {

/// The unit's status line, in plain words with the counts.
[[nodiscard]] std::string status_line(const Dispatcher& dispatcher, const Hatchery& hatchery,
                                      const std::string& profile_error);

/// What the service knows of itself as a whole.
struct ServiceState {
  const std::string& profile_error;  ///< what is wrong with the profile that was to be loaded
  std::string programs;              ///< programs_status(): lines of its own
  bool reloading = false;            ///< a new pool is on its way, with the profile read anew
  bool replaced = false;             ///< pmld is another file now, and takes over when nothing runs
};

/// The answer to "status" in the text dialect: lines of "key value", ended by an empty line.
[[nodiscard]] std::string status_text(const profile::Profile& profile, const Dispatcher& dispatcher,
                                      const Hatchery& hatchery, const ServiceState& state);

/// The answer to "jobs": a line "JOB STATE SECONDS COMMAND" for each, ended by an empty line.
[[nodiscard]] std::string jobs_text(const Dispatcher& dispatcher);

/// The answer to "modules": the modules that jobs share, one a line, ended by an empty line.
[[nodiscard]] std::string modules_text(const Hatchery& hatchery);

/// The answer to "imports": a line "MODULE JOBS" for each module that could be preloaded, ended by
/// an empty line.
[[nodiscard]] std::string imports_text(const LateImports& imports, const Hatchery& hatchery);

}  // namespace pml::service
