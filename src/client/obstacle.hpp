#pragma once

#include <optional>

#include "client/arguments.hpp"
#include "client/reason.hpp"

namespace pml::client {

/// What makes the service not worth asking: the caller's wish, an option or a variable that only an
/// interpreter's start honours, a terminal that is the program. Nothing where it may be asked.
[[nodiscard]] std::optional<Reason> find_obstacle(const Arguments& arguments);

}  // namespace pml::client
