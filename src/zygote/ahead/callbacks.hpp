#pragma once

#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// Whether the weak reference calls nothing back, or what changes only the library's own tables: at
/// the interpreter's end nobody can notice whether it was called. False where that is not certain.
[[nodiscard]] bool calls_back_unnoticed(PyObject* reference);

}  // namespace pml::zygote::ahead
