#pragma once

#include <pybind11/pybind11.h>

#include "worker/python.hpp"

namespace pml::zygote {

/// sys.modules.
[[nodiscard]] inline pybind11::dict modules() {
  return pybind11::reinterpret_borrow<pybind11::dict>(PyImport_GetModuleDict());
}

/// The module, imported where it was not. Throws pybind11::error_already_set.
[[nodiscard]] inline pybind11::module_ module_named(const char* name) {
  return pybind11::module_::import(name);
}

/// A reference of the stash's kind to the same object.
[[nodiscard]] inline worker::Ref to_ref(const pybind11::object& object) {
  return worker::Ref::borrow(object.ptr());
}

/// What lies under the name in the module, without a word to code of its own: a module may import
/// others when it is asked for anything. None where there is nothing.
[[nodiscard]] inline pybind11::object name_in(const pybind11::handle module, const char* name) {
  PyObject* const found = PyModule_Check(module.ptr()) != 0
                              ? PyDict_GetItemString(PyModule_GetDict(module.ptr()), name)
                              : nullptr;
  return found != nullptr ? pybind11::reinterpret_borrow<pybind11::object>(found)
                          : pybind11::none();
}

}  // namespace pml::zygote
