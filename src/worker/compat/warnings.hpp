#pragma once

#include "worker/compat/known.hpp"

/// The part of warnings that is written in C.
namespace pml::worker::compat {

/// Tells it that the list of filters changed. Before a job runs; a failure leaves no exception.
inline void tell_filters_changed() {
  PyObject* const module = PyDict_GetItemString(PyImport_GetModuleDict(), "_warnings");
  if (module == nullptr) return;
  // From 3.14 on whoever changes them holds a lock. To ask for an attribute that is not there would
  // raise, in each job.
  PyObject* const names = PyModule_GetDict(module);
  if (PyDict_GetItem(names, interned("_filters_mutated_lock_held")) != nullptr) {
    if (call_method(module, "_acquire_lock")) {
      (void)call_method(module, "_filters_mutated_lock_held");
      PyErr_Clear();
      (void)call_method(module, "_release_lock");
    }
  } else {
    (void)call_method(module, "_filters_mutated");
  }
  PyErr_Clear();
}

}  // namespace pml::worker::compat
