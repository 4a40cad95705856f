#pragma once

#include "client/reason.hpp"

namespace pml::client {

/// Whether a person is to be told that a program runs cold for `reason`: standard error is a
/// terminal, PML_QUIET does not forbid it, and it was not done within the last day. pml-cold tells
/// it, and notes that it was done.
[[nodiscard]] bool is_hint_due(const Reason& reason);

}  // namespace pml::client
