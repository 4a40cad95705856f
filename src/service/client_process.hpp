#pragma once

#include "service/client.hpp"

namespace pml::service {

/// Whether the client's process is stopped, by a signal to it alone perhaps, which nobody tells.
[[nodiscard]] bool is_stopped(const Client& client) noexcept;

/// Lets a client go on that stopped with its job: it cannot read that the job goes on.
void wake(const Client& client) noexcept;

}  // namespace pml::service
