#pragma once

#include "trial/record.hpp"

namespace pml::trial {

/// Writes down, once, that the shared object which holds `caller` asked for `name`. Nothing for
/// what the interpreter, the C library and the dynamic linker ask themselves, unless `of_all`.
/// Allocates nothing and keeps errno; any thread, any signal handler may call it.
void record(RecordKind kind, const char* name, const void* caller, bool of_all = false) noexcept;

}  // namespace pml::trial
