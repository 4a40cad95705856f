#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

int pml_layout_fits(void);
PyConfig* pml_interpreter_config(void);

#if PY_VERSION_HEX >= 0x030d0000
/* The interpreter tells debuggers of its own places. What is last in its state may differ with how it was configured. */
static int places_fit(void) {
  const _Py_DebugOffsets* const own = &_PyRuntime.debug_offsets;
  return own->interpreter_state.gc == offsetof(PyInterpreterState, gc) && own->thread_state.size == sizeof(PyThreadState) &&
         own->thread_state.current_frame == offsetof(PyThreadState, current_frame) &&
         own->gc.size == sizeof(struct _gc_runtime_state);
}
#else
static int places_fit(void) { return 1; }
#endif

/* The places of everything that is written to, told by values that are known otherwise. */
int pml_layout_fits(void) {
  PyThreadState* const state = PyThreadState_Get();
  PyInterpreterState* const own = PyInterpreterState_Get();
  const PyConfig* const config = pml_interpreter_config();
  PyObject* const flags = PySys_GetObject("flags");
  PyObject* const mode = flags != NULL ? PyObject_GetAttrString(flags, "utf8_mode") : NULL;
  const long utf8_mode = mode != NULL ? PyLong_AsLong(mode) : -1;
  Py_XDECREF(mode);
  if (PyErr_Occurred()) return 0;
#if PY_VERSION_HEX >= 0x030c0000
  if (own->finalizing != 0) return 0;
#endif
  if (!places_fit()) return 0;
  return _PyRuntime.initialized == 1 && _PyRuntime.core_initialized == 1 && _PyRuntime.preinitialized == 1 &&
         _PyRuntime.preconfig.utf8_mode == utf8_mode && _PyRuntimeState_GetFinalizing(&_PyRuntime) == NULL &&
         _PyRuntime.interpreters.main == own && _PyRuntime.main_thread == PyThread_get_thread_ident() &&
         state->interp == own && state->thread_id == _PyRuntime.main_thread && config->_init_main == 1 &&
         config->parse_argv >= 0 && config->parse_argv <= 2 && config->bytes_warning == 0;
}
