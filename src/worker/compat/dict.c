#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_dict.h"
#endif

/* C, because CPython's internal headers are not C++. */

PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at);
int pml_has_own_table(PyObject* dictionary);

/* Whether the values are in the dict itself, not in an object whose attributes it shows. */
int pml_has_own_table(PyObject* dictionary) {
  return ((PyDictObject*)dictionary)->ma_values == NULL;
}

#if PY_VERSION_HEX >= 0x030b0000
PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at) {
  const PyDictObject* const dict = (PyDictObject*)dictionary;
  PyDictKeysObject* const keys = dict->ma_keys;
  if (dict->ma_values != NULL) return NULL;
  for (Py_ssize_t step = 0; step < keys->dk_nentries; ++step, ++*at) {
    if (*at >= keys->dk_nentries) *at = 0;
    if (DK_IS_UNICODE(keys)) {
      PyDictUnicodeEntry* const entry = &DK_UNICODE_ENTRIES(keys)[*at];
      if (entry->me_key == key) return &entry->me_value;
    } else {
      PyDictKeyEntry* const entry = &DK_ENTRIES(keys)[*at];
      if (entry->me_key == key) return &entry->me_value;
    }
  }
  return NULL;
}
#else
/* A dict's table is of no header there. */
PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at) {
  (void)dictionary, (void)key, (void)at;
  return NULL;
}
#endif
