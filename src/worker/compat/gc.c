#define Py_BUILD_CORE 1
#include <Python.h>

#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#if PY_VERSION_HEX >= 0x030f0000
#include "internal/pycore_interpframe_structs.h"
#include "internal/pycore_tstate.h"
#endif

void pml_note_collections(void);
void pml_restore_collections(void);
int pml_collections_fit(PyObject* threshold);

#if PY_VERSION_HEX >= 0x030f0000
/* Rings of records, which the collector keeps in a block of its own. */
static struct gc_stats past;
static struct gc_stats* past_of(struct _gc_runtime_state* state) { return state->generation_stats; }
#else
struct records {
  struct gc_generation_stats of[NUM_GENERATIONS];
};
static struct records past;
static struct records* past_of(struct _gc_runtime_state* state) {
  return (struct records*)state->generation_stats;
}
#endif
static int allocations[NUM_GENERATIONS];

void pml_note_collections(void) {
  struct _gc_runtime_state* const state = &PyInterpreterState_Get()->gc;
  past = *past_of(state);
  for (int i = 0; i < NUM_GENERATIONS; ++i) allocations[i] = state->generations[i].count;
}

void pml_restore_collections(void) {
  struct _gc_runtime_state* const state = &PyInterpreterState_Get()->gc;
  *past_of(state) = past;
  for (int i = 0; i < NUM_GENERATIONS; ++i) state->generations[i].count = allocations[i];
}

/* The thresholds are what gc.get_threshold() gives; the records are counts. */
int pml_collections_fit(PyObject* threshold) {
  struct _gc_runtime_state* const state = &PyInterpreterState_Get()->gc;
  if (!PyTuple_Check(threshold) || PyTuple_GET_SIZE(threshold) != NUM_GENERATIONS) return 0;
  for (int i = 0; i < NUM_GENERATIONS; ++i) {
    const long told = PyLong_AsLong(PyTuple_GET_ITEM(threshold, i));
    if (told != state->generations[i].threshold && !(i == NUM_GENERATIONS - 1 && told == 0)) return 0;
  }
  return past_of(state) != NULL;
}
