#include "worker/uncounted_dict.hpp"

#include "worker/compat/dict.hpp"
#include "worker/compat/objects.hpp"

namespace pml::worker {

namespace {

/// Whether it is a function that holds nothing whose end could be seen.
bool ends_unseen(PyObject* object) noexcept {
  if (PyFunction_Check(object) == 0) return false;
  const auto* function = reinterpret_cast<PyFunctionObject*>(object);
  const auto is_plain = [](PyObject* value) {
    return value == nullptr || value == Py_None || PyUnicode_CheckExact(value) != 0 ||
           PyLong_CheckExact(value) != 0 || PyBool_Check(value) != 0;
  };
  if (function->func_defaults != nullptr)
    for (Py_ssize_t i = 0; i < PyTuple_Size(function->func_defaults); ++i)
      if (!is_plain(PyTuple_GetItem(function->func_defaults, i))) return false;
  return function->func_closure == nullptr && function->func_kwdefaults == nullptr &&
         function->func_weakreflist == nullptr && is_plain(function->func_doc) &&
         (function->func_dict == nullptr || PyDict_Size(function->func_dict) == 0) &&
         function->func_annotations == nullptr;
}

}  // namespace

PyObject** UncountedDict::place_of(PyObject* key) noexcept {
  // The garbage collector loses sight of a dict that holds nothing but None until something else is
  // put there.
  if (PyObject_GC_IsTracked(dict_) == 0) return nullptr;
  return compat::value_place(dict_, key, at_);
}

bool UncountedDict::put(PyObject* key, PyObject* value) noexcept {
  Ref taken = Ref::steal(value);
  PyObject* const before = PyDict_GetItem(dict_, key);
  PyObject** const old = before != nullptr ? place_of(key) : nullptr;
  // Its end may look at the dict, and must find the new value.
  if (before != nullptr && old == nullptr) return PyDict_SetItem(dict_, key, value) == 0;
  Ref freed;
  if (old != nullptr) {
    *old = compat::new_reference(Py_Ellipsis);  // anything but what the dict is told next
    if (!ends_unseen(before)) freed = Ref::steal(before);
  }
  if (PyDict_SetItem(dict_, key, Py_None) != 0) return false;
  PyObject** const place = place_of(key);
  if (place == nullptr) return PyDict_SetItem(dict_, key, value) == 0;
  *place = taken.release();
  Py_DECREF(Py_None);
  return true;
}

bool UncountedDict::blank(PyObject* key) noexcept {
  if (PyObject** const place = place_of(key)) {
    *place = compat::new_reference(Py_None);
    return true;
  }
  Py_XINCREF(PyDict_GetItem(dict_, key));
  return PyDict_SetItem(dict_, key, Py_None) == 0;
}

}  // namespace pml::worker
