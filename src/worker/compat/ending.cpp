#include "worker/compat/ending.hpp"

#include <array>

#include "worker/compat/objects.hpp"
#include "worker/python.hpp"

namespace pml::worker::compat {

namespace {

constexpr const char* k_wait = "_shutdown";

/// What is kept: threading's globals, what they held before, and the parts of an exception or None.
enum : Py_ssize_t { k_names, k_before, k_type, k_value, k_trace, k_size };

PyObject* put_back(PyObject* kept, PyObject*) {
  if (PyDict_SetItemString(PyTuple_GetItem(kept, k_names), k_wait,
                           PyTuple_GetItem(kept, k_before)) != 0)
    return nullptr;
  if (PyTuple_GetItem(kept, k_type) == Py_None) Py_RETURN_NONE;
  std::array<PyObject*, 3> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    PyObject* const part = PyTuple_GetItem(kept, k_type + static_cast<Py_ssize_t>(i));
    parts[i] = part != Py_None ? new_reference(part) : nullptr;
  }
  PyErr_Restore(parts[0], parts[1], parts[2]);
  return nullptr;
}

PyMethodDef g_put_back{k_wait, put_back, METH_NOARGS, nullptr};  // NOLINT: CPython's

}  // namespace

void repeat_wait_without_waiting() {
  std::array<PyObject*, 3> raised{};
  PyErr_Fetch(&raised[0], &raised[1], &raised[2]);
  std::array<Ref, 3> parts;
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i] = raised[i] != nullptr ? Ref::steal(raised[i]) : Ref::borrow(Py_None);
  PyObject* const module = PyDict_GetItem(PyImport_GetModuleDict(), interned("threading"));
  if (module == nullptr || !PyModule_Check(module)) return;
  PyObject* const names = PyModule_GetDict(module);
  PyObject* const before = PyDict_GetItemString(names, k_wait);
  if (before == nullptr) return;
  const Ref kept = Ref::steal(
      PyTuple_Pack(k_size, names, before, parts[0].get(), parts[1].get(), parts[2].get()));
  const Ref call = kept ? Ref::steal(PyCFunction_New(&g_put_back, kept.get())) : Ref();
  if (!call || PyDict_SetItemString(names, k_wait, call.get()) != 0) PyErr_Clear();
}

}  // namespace pml::worker::compat
