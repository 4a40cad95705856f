#pragma once

#include <string>

#include "ctl/answer.hpp"
#include "ctl/memory.hpp"

namespace pml::ctl {

/// A service's status for people.
[[nodiscard]] std::string status_view(const ServiceStatus& status, const PoolMemory& memory);

/// "status 1", "SIGKILL" for "exited:1", "killed:9".
[[nodiscard]] std::string end_text(const std::string& end);

}  // namespace pml::ctl
