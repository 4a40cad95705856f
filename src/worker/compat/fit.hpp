#pragma once

#include <optional>
#include <string>

#include "worker/compat/known.hpp"

namespace pml::worker::compat {

/// Why this module must not be used in the running interpreter, which need not be the one that it
/// was built with; nothing where it may. Builds and patch levels that differ in what pml relies on
/// are told apart by looking, not by their version; what is other than expected is named. A Python
/// frame is running, and nothing was imported that python3 -c does not import.
[[nodiscard]] std::optional<std::string> unfitness();

}  // namespace pml::worker::compat
