#pragma once

#include <string>

#include "ctl/answer.hpp"
#include "ctl/memory.hpp"

namespace pml::ctl {

/// A service's status for people.
[[nodiscard]] std::string status_view(const ServiceStatus& status, const PoolMemory& memory);

/// Which client was turned away last, when and why; empty where none was.
[[nodiscard]] std::string last_refusal_text(const ServiceStatus& status);

/// "status 1", "SIGKILL" for "exited:1", "killed:9".
[[nodiscard]] std::string end_text(const std::string& end);

}  // namespace pml::ctl
