#define Py_BUILD_CORE 1
#include <Python.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#if PY_VERSION_HEX >= 0x030f0000
#include "internal/pycore_interp_structs.h"
#include "internal/pycore_lazyimportobject.h"
#endif

PyObject* pml_lazy_modules(void);
PyObject* pml_lazy_import_function(void);
int pml_is_lazy_import(PyObject* object);
int pml_reset_lazy_imports(PyObject* names);
int pml_lazy_imports_are_usual(void);
int pml_make_lazy_imports_usual(void);
int pml_lazy_imports_fit(void);

#if PY_VERSION_HEX >= 0x030f0000

PyObject* pml_lazy_modules(void) {
  return PyInterpreterState_Get()->imports.lazy_modules;
}

PyObject* pml_lazy_import_function(void) {
  return PyInterpreterState_Get()->imports.lazy_import_func;
}

int pml_is_lazy_import(PyObject* object) {
  return PyLazyImport_CheckExact(object);
}

int pml_reset_lazy_imports(PyObject* names) {
  PyInterpreterState* const own = PyInterpreterState_Get();
  if (own->imports.lazy_pending_submodules != NULL)
    PyDict_Clear(own->imports.lazy_pending_submodules);
  own->imports.has_lazy_submodules = 0;
  if (PySet_Clear(own->imports.lazy_modules) != 0) return -1;
  PyObject* const each = PyObject_GetIter(names);
  if (each == NULL) return -1;
  for (PyObject* name = PyIter_Next(each); name != NULL; name = PyIter_Next(each)) {
    const int added = PySet_Add(own->imports.lazy_modules, name);
    Py_DECREF(name);
    if (added != 0) break;
  }
  Py_DECREF(each);
  return PyErr_Occurred() != NULL ? -1 : 0;
}

int pml_lazy_imports_are_usual(void) {
  const PyInterpreterState* const own = PyInterpreterState_Get();
  PyObject* const filter = own->imports.lazy_imports_filter;
  return own->imports.lazy_imports_mode == PyImport_LAZY_NORMAL &&
         (filter == NULL || filter == Py_None);
}

int pml_make_lazy_imports_usual(void) {
  return PyImport_SetLazyImportsMode(PyImport_LAZY_NORMAL) == 0 &&
                 PyImport_SetLazyImportsFilter(Py_None) == 0
             ? 0
             : -1;
}

int pml_lazy_imports_fit(void) {
  const PyInterpreterState* const own = PyInterpreterState_Get();
  PyObject* const pending = own->imports.lazy_pending_submodules;
  PyObject* const function = own->imports.lazy_import_func;
  return own->imports.lazy_modules == PySys_GetObject("lazy_modules") &&
         PySet_CheckExact(own->imports.lazy_modules) &&
         (pending == NULL || (PyDict_CheckExact(pending) && PyDict_GET_SIZE(pending) == 0)) &&
         own->imports.has_lazy_submodules == 0 && function != NULL &&
         pml_lazy_imports_are_usual() &&
         PyDict_GetItemString(own->builtins, "__lazy_import__") == function;
}

#else

PyObject* pml_lazy_modules(void) {
  return NULL;
}
PyObject* pml_lazy_import_function(void) {
  return NULL;
}
int pml_is_lazy_import(PyObject* object) {
  return object == NULL;
}
int pml_reset_lazy_imports(PyObject* names) {
  return names != NULL ? 0 : -1;
}
int pml_lazy_imports_are_usual(void) {
  return 1;
}
int pml_make_lazy_imports_usual(void) {
  return 0;
}
int pml_lazy_imports_fit(void) {
  return 1;
}

#endif
