#pragma once

#include <string>
#include <vector>

#include "ctl/service.hpp"

namespace pml::ctl {

/// Something on disk that is not what runs, and what to type.
struct Outdated {
  std::string what;
  std::string command;
  bool reload = false;  ///< the command ends no program

  [[nodiscard]] std::string line() const { return what + ": " + command; }
};

/// An edited profile, lines of quirks that do not count, an updated pml, changed units.
[[nodiscard]] std::vector<Outdated> on_disk(Services& services, const std::string& profile,
                                            const ServiceStatus& status);

}  // namespace pml::ctl
