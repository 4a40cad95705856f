#define Py_BUILD_CORE 1
#include <Python.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
void pml_forget_codecs(void);

PyConfig* pml_interpreter_config(void) {
#if PY_VERSION_HEX < 0x030d0000
  return (PyConfig*)_PyInterpreterState_GetConfig(PyInterpreterState_Get());
#else
  return &PyInterpreterState_Get()->config;
#endif
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

void pml_forget_codecs(void) {
#if PY_VERSION_HEX < 0x030a0000  // later ones have a function for it
  PyObject* const known = PyInterpreterState_Get()->codec_search_cache;
  if (known != NULL) PyDict_Clear(known);
#endif
}
