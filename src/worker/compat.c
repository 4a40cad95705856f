#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_dict.h"
#endif
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

/* C, because CPython's internal headers are not C++. */

#if PY_VERSION_HEX < 0x030d0000
extern void _PyModule_Clear(PyObject*);
#define clear_module _PyModule_Clear
#else
/* From 3.13 on the library keeps _PyModule_Clear to itself. The same: first names with one underscore, then all but
   __builtins__, each replaced by None. */
static int is_private(PyObject* name) {
  return PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) != '_';
}

static int is_any_other(PyObject* name) { return PyUnicode_CompareWithASCIIString(name, "__builtins__") != 0; }

static void zap(PyObject* names, int (*wanted)(PyObject*)) {
  Py_ssize_t at = 0;
  PyObject *name = NULL, *value = NULL;
  while (PyDict_Next(names, &at, &name, &value)) {
    if (value == Py_None || !PyUnicode_Check(name) || PyUnicode_GET_LENGTH(name) == 0 || !wanted(name)) continue;
    if (PyDict_SetItem(names, name, Py_None) != 0) PyErr_WriteUnraisable(NULL);
  }
}

static void clear_module(PyObject* module) {
  zap(PyModule_GetDict(module), is_private);
  zap(PyModule_GetDict(module), is_any_other);
}
#endif

PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
int pml_layout_fits(void);
void pml_run_exit_calls(void);
PyObject* pml_exit_module(void);
void pml_clear_module(PyObject* module);
PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at);
void pml_block_operations(void);
void pml_begin_finalizing(void);
void pml_note_collections(void);
void pml_restore_collections(void);

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

/* The places of everything written below, told by values that are known otherwise. */
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
  return _PyRuntime.initialized == 1 && _PyRuntime.core_initialized == 1 && _PyRuntime.preinitialized == 1 &&
         _PyRuntime.preconfig.utf8_mode == utf8_mode && _PyRuntimeState_GetFinalizing(&_PyRuntime) == NULL &&
         _PyRuntime.interpreters.main == own && _PyRuntime.main_thread == PyThread_get_thread_ident() &&
         state->interp == own && state->thread_id == _PyRuntime.main_thread && config->_init_main == 1 &&
         config->parse_argv >= 0 && config->parse_argv <= 2 && config->bytes_warning == 0;
}

#if PY_VERSION_HEX < 0x030a0000
/* Each instance of the atexit module has calls of its own there, and the last one made is asked at the end. */
void pml_run_exit_calls(void) {
  PyInterpreterState* const own = PyInterpreterState_Get();
  if (own->pyexitfunc != NULL) own->pyexitfunc(own->pyexitmodule);
}

PyObject* pml_exit_module(void) { return PyInterpreterState_Get()->pyexitmodule; }
#endif

void pml_clear_module(PyObject* module) { clear_module(module); }

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

static struct gc_generation_stats collections[NUM_GENERATIONS];
static int allocations[NUM_GENERATIONS];

void pml_note_collections(void) {
  const struct _gc_runtime_state* const state = &PyInterpreterState_Get()->gc;
  for (int i = 0; i < NUM_GENERATIONS; ++i) {
    collections[i] = state->generation_stats[i];
    allocations[i] = state->generations[i].count;
  }
}

void pml_restore_collections(void) {
  struct _gc_runtime_state* const state = &PyInterpreterState_Get()->gc;
  for (int i = 0; i < NUM_GENERATIONS; ++i) {
    state->generation_stats[i] = collections[i];
    state->generations[i].count = allocations[i];
  }
}

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
