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
int pml_layout_fits(void);
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

/* The places of everything written below, told by values that are known otherwise. */
int pml_layout_fits(void) {
  PyThreadState* const state = PyThreadState_Get();
  PyInterpreterState* const own = PyInterpreterState_Get();
  const PyConfig* const config = _PyInterpreterState_GetConfig(own);
  PyObject* const flags = PySys_GetObject("flags");
  PyObject* const mode = flags != NULL ? PyObject_GetAttrString(flags, "utf8_mode") : NULL;
  const long utf8_mode = mode != NULL ? PyLong_AsLong(mode) : -1;
  Py_XDECREF(mode);
  if (PyErr_Occurred()) return 0;
  return _PyRuntime.initialized == 1 && _PyRuntime.core_initialized == 1 && _PyRuntime.preinitialized == 1 &&
         _PyRuntime.preconfig.utf8_mode == utf8_mode && _PyRuntimeState_GetFinalizing(&_PyRuntime) == NULL &&
         _PyRuntime.interpreters.main == own && _PyRuntime.main_thread == PyThread_get_thread_ident() &&
         state->interp == own && state->thread_id == _PyRuntime.main_thread && config->_init_main == 1 &&
         config->parse_argv >= 0 && config->parse_argv <= 2 && config->bytes_warning == 0;
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
