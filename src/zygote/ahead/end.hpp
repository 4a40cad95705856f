#pragma once

#include "worker/program.hpp"
#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// At a stop: looks what of the program so far needs an end of its own, and where nothing does,
/// sees to it that the end looks only at what comes after. In a worker it is enough to do so where
/// the program went on behind the template's stop. The garbage collector leaves the rest alone
/// until the program itself asks it about all objects.
void prepare_end();

/// Ends a served program as python3 does, and reports. Never returns.
[[noreturn]] void end(const worker::Outcome& outcome);

/// The program asks the garbage collector about all there is: it looks at all from now on.
void show_all_objects();

[[nodiscard]] bool is_generator(PyObject* object);
/// A generator that waits has its finally clauses still to run; one that runs is on the stack.
[[nodiscard]] bool is_suspended(PyObject* generator);

}  // namespace pml::zygote::ahead
