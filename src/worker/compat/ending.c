#define Py_BUILD_CORE 1
#include <Python.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

void pml_run_exit_calls(void);
PyObject* pml_exit_module(void);
void pml_clear_module(PyObject* module);
void pml_block_operations(void);
void pml_begin_finalizing(void);

#if PY_VERSION_HEX < 0x030a0000
/* Each instance of the atexit module has calls of its own there, and the last one made is asked at
 * the end. */
void pml_run_exit_calls(void) {
  PyInterpreterState* const own = PyInterpreterState_Get();
  if (own->pyexitfunc != NULL) own->pyexitfunc(own->pyexitmodule);
}

PyObject* pml_exit_module(void) {
  return PyInterpreterState_Get()->pyexitmodule;
}
#endif

#if PY_VERSION_HEX < 0x030d0000
extern void _PyModule_Clear(PyObject*);
void pml_clear_module(PyObject* module) {
  _PyModule_Clear(module);
}
#else
/* From 3.13 on the library keeps _PyModule_Clear to itself. The same: first names with one
   underscore, then all but
   __builtins__, each replaced by None. */
static int is_private(PyObject* name) {
  return PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) != '_';
}

static int is_any_other(PyObject* name) {
  return PyUnicode_CompareWithASCIIString(name, "__builtins__") != 0;
}

static void zap(PyObject* names, int (*wanted)(PyObject*)) {
  Py_ssize_t at = 0;
  PyObject *name = NULL, *value = NULL;
  while (PyDict_Next(names, &at, &name, &value)) {
    if (value == Py_None || !PyUnicode_Check(name) || PyUnicode_GET_LENGTH(name) == 0 ||
        !wanted(name))
      continue;
    if (PyDict_SetItem(names, name, Py_None) != 0) PyErr_WriteUnraisable(NULL);
  }
}

void pml_clear_module(PyObject* module) {
  zap(PyModule_GetDict(module), is_private);
  zap(PyModule_GetDict(module), is_any_other);
}
#endif

void pml_block_operations(void) {
#if PY_VERSION_HEX >= 0x030c0000
  PyInterpreterState_Get()->finalizing = 1;
#endif
}

void pml_begin_finalizing(void) {
#if PY_VERSION_HEX >= 0x030c0000
  _PyInterpreterState_SetFinalizing(PyInterpreterState_Get(), PyThreadState_Get());
#endif
  _PyRuntimeState_SetFinalizing(&_PyRuntime, PyThreadState_Get());
  _PyRuntime.initialized = 0;
  _PyRuntime.core_initialized = 0;
}
