#pragma once

#include "worker/python.hpp"

namespace pml::worker {

/// A dict, written to without the reference counts of the values: counting one copies the page of
/// the object, and a worker does it for every module that it shares. Where the layout of a dict's
/// table is not known (before 3.11) the references are counted.
class UncountedDict {
 public:
  /// Of a dict that outlives this.
  explicit UncountedDict(PyObject* dict) noexcept : dict_(dict), at_(PyDict_Size(dict)) {}

  /// Puts `value` under the key, with a reference that it takes over from the caller. A plain
  /// function that was there is not freed, as that writes to all that it consists of. Returns
  /// false, with a Python exception set, where memory is short.
  bool put(PyObject* key, PyObject* value) noexcept;
  /// Sets the entry of this very key object to None. The value keeps the reference that the entry
  /// had.
  bool blank(PyObject* key) noexcept;

 private:
  PyObject** place_of(PyObject* key) noexcept;

  PyObject* dict_;
  Py_ssize_t at_;  // where the last search ended: most go through the table in order
};

}  // namespace pml::worker
