#include "worker/fork_calls.hpp"

#include "worker/compat.hpp"

namespace pml::worker {

namespace {

bool g_birth = false;  // NOLINT: of the process

PyObject* call_unless_birth(PyObject* function, PyObject*) {
  // An error is shown with the function's name, not with this one's.
  if (!g_birth && !Ref::steal(PyObject_CallNoArgs(function))) PyErr_WriteUnraisable(function);
  return compat::new_reference(Py_None);
}

PyMethodDef g_method = {"call_unless_birth", call_unless_birth, METH_NOARGS, nullptr};

}  // namespace

Birth::Birth() noexcept {
  g_birth = true;
}

Birth::~Birth() {
  g_birth = false;
}

Ref idle_at_birth(PyObject* function) {
  return Ref::steal(PyCFunction_New(&g_method, function));
}

}  // namespace pml::worker
