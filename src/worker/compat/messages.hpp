#pragma once

#include <string>

#include "worker/compat/known.hpp"

/// What the interpreter says at its end. Each takes the exception that is set.
namespace pml::worker::compat {

/// Lets a cold run of the interpreter tell its words, which change between patch levels. In the
/// zygote; until then, and where it cannot be run, they are what its version said at first.
void learn_messages(const std::string& executable);

/// Of a status too large for C: dropped, or in some versions shown by an end that has no threads to
/// wait for.
void end_with_huge_status();

/// Of threading's own end.
void show_failed_threads_end(PyObject* threading);

/// Of a standard output that could not be flushed.
void show_failed_flush(PyObject* stream);

}  // namespace pml::worker::compat
