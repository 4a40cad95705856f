#define Py_BUILD_CORE 1
#include <Python.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

/* C, because CPython's internal headers are not C++. */

#if PY_VERSION_HEX < 0x030b0000
extern void _PyModule_Clear(PyObject*);
#else
#include "internal/pycore_moduleobject.h"
extern void _PyModule_Clear(PyObject*);
#endif

PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
void pml_clear_module(PyObject* module);
void pml_begin_finalizing(void);

PyConfig* pml_interpreter_config(void) {
  return (PyConfig*)_PyInterpreterState_GetConfig(PyInterpreterState_Get());
}

void pml_set_utf8_mode(int on) {
  _PyRuntime.preconfig.utf8_mode = on;
#if PY_VERSION_HEX < 0x030d0000
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  Py_UTF8Mode = on;
#pragma GCC diagnostic pop
#endif
}

void pml_clear_module(PyObject* module) { _PyModule_Clear(module); }

void pml_begin_finalizing(void) {
#if PY_VERSION_HEX >= 0x030c0000
  _PyInterpreterState_SetFinalizing(PyInterpreterState_Get(), PyThreadState_Get());
#endif
  _PyRuntimeState_SetFinalizing(&_PyRuntime, PyThreadState_Get());
  _PyRuntime.initialized = 0;
  _PyRuntime.core_initialized = 0;
}
