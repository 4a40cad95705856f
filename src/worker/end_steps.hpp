#pragma once

#include <vector>

#include "worker/python.hpp"

namespace pml::worker {

/// The steps of an interpreter's end that empty its own tables, one by one: the end of a job does
/// them, its rehearsal undoes them again. The GIL is held; none leaves an exception set.

/// Whether Python runs in other threads of this process: those that a program left running can only
/// be stopped by the interpreter's own end.
[[nodiscard]] bool other_threads();

/// sys.__dict__. Borrowed.
[[nodiscard]] PyObject* system_dictionary();

/// Puts None, or a value of its own, where user values hide.
void clear_special_names();

/// Empties sys.modules. Weak references to the job's own modules, in the order of their import.
[[nodiscard]] std::vector<Ref> remove_modules();

/// Takes apart those of the modules that something still holds, the last one first.
void clear_left_modules(const std::vector<Ref>& own);

/// The interpreter goes back to the builtins it had before site and io added theirs.
void remove_late_builtins();

}  // namespace pml::worker
