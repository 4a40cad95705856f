#pragma once

#include "worker/python.hpp"

namespace pml::zygote::ahead {

template <typename Function>
using Slot = Function PyTypeObject::*;

/// Gives the slot its original again, of the type and of all that inherited `instead` from it.
template <typename Function>
void restore_slot(PyTypeObject* type, Slot<Function> slot, Function instead, Function original) {
  if (type->*slot != instead) return;
  type->*slot = original;
  const worker::Ref list = worker::Ref::steal(
      PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr));
  for (Py_ssize_t i = 0; list && i < PyList_Size(list.get()); ++i)
    restore_slot(reinterpret_cast<PyTypeObject*>(PyList_GetItem(list.get(), i)), slot, instead,
                 original);
  PyErr_Clear();
}

}  // namespace pml::zygote::ahead
