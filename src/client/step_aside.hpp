#pragma once

#include <string>

#include "client/arguments.hpp"
#include "client/reason.hpp"
#include "client/signals.hpp"
#include "client/trace.hpp"

namespace pml::client {

/// Executes python3 in place of this process, with the words the user typed; or, after
/// --no-fallback, says why not and ends with the reason's status. `interpreter` is the profile's
/// python3 where the service named it; empty: pml-cold finds it. Where neither can be executed, one
/// line says so and the first python3 of PATH that is not pml takes over. `blocked` is the signal
/// mask it is given. Nothing of the program may have begun.
[[noreturn]] void step_aside(const Arguments& arguments, const Reason& reason,
                             const std::string& interpreter, SignalSet blocked, Trace& trace);

}  // namespace pml::client
