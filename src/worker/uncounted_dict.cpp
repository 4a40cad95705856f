#include "worker/uncounted_dict.hpp"

#include "worker/compat.hpp"

namespace pml::worker {

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
  Ref freed;
  if (old != nullptr) {
    *old = compat::new_reference(Py_Ellipsis);  // anything but what the dict is told next
    if (PyFunction_Check(before) == 0) freed = Ref::steal(before);
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
