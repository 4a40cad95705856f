#pragma once

#include "worker/program.hpp"

namespace pml::zygote::ahead {

/// Ends a served program as python3 does, and reports. Never returns.
[[noreturn]] void end(const worker::Outcome& outcome);

}  // namespace pml::zygote::ahead
