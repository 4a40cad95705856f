#pragma once

#include <string>

#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// The module and function of a frame, as "posixpath:islink"; empty without one. The GIL is held;
/// leaves no exception.
[[nodiscard]] std::string function_of(PyObject* frame);

/// Whether the innermost frame is of one of the library's functions that make nothing of stat's
/// result but what kind of thing there is, or which one of them.
[[nodiscard]] bool asks_kind_only();

}  // namespace pml::zygote::ahead
