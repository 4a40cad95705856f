#pragma once

#include <functional>

#include "worker/python.hpp"

namespace pml::worker {

/// Whether the module's shared object can be loaded a second time, as another one, in this process:
/// Cython's, other ones that need the C library alone, and those of the standard library that are
/// made once a process. `foreign`: not of the standard library.
[[nodiscard]] bool bears_second_load(PyObject* module, bool foreign);

/// What `create` makes of the spec, from a copy of the shared object that the spec names. Where
/// there can be no copy, from the one that is loaded.
[[nodiscard]] PyObject* create_from_copy(PyObject* spec, const std::function<PyObject*()>& create);

}  // namespace pml::worker
