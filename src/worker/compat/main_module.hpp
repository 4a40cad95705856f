#pragma once

#include "worker/compat/known.hpp"

/// The names of a fresh __main__.
namespace pml::worker::compat {

/// Completes the globals of a fresh __main__ that were copied from the zygote's: annotations are
/// kept there before a program has any, until 3.14 makes them when they are asked for.
inline void renew_annotations(PyObject* globals) {
#if PY_VERSION_HEX >= 0x030e0000
  for (const char* name : {"__annotations__", "__annotate__", "__conditional_annotations__"})
    if (PyDict_DelItemString(globals, name) != 0) PyErr_Clear();
#else
  PyDict_SetItemString(globals, "__annotations__", Ref::steal(PyDict_New()).get());
#endif
}

/// Whether a program that is a file has __cached__.
inline constexpr bool k_has_cached = PY_VERSION_HEX < 0x030f0000;

}  // namespace pml::worker::compat
