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

}  // namespace pml::zygote
