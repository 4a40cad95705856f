#include "worker/compat/frames.hpp"

#include <unistd.h>

namespace pml::worker::compat {

// Calls in C are counted apart from those in Python; before, both count alike, and behind, the
// machine's own stack is measured.
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030e0000
namespace {
int g_calls_in_c = 0;  // NOLINT: of the process
}  // namespace
#endif

long recursion_limit() noexcept {
#if PY_VERSION_HEX >= 0x030c0000
  return PyThreadState_Get()->py_recursion_limit;
#elif PY_VERSION_HEX >= 0x030b0000
  return PyThreadState_Get()->recursion_limit;
#else
  return Py_GetRecursionLimit();
#endif
}

void note_recursion_limit() noexcept {
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030e0000
  PyThreadState* const fresh = PyThreadState_New(PyInterpreterState_Get());
  if (fresh == nullptr) return;
  g_calls_in_c = fresh->c_recursion_remaining;
  PyThreadState_Clear(fresh);
  PyThreadState_Delete(fresh);
#endif
}

void renew_thread_number_of_state() noexcept {
#if PY_VERSION_HEX >= 0x030b0000
  PyThreadState_Get()->native_thread_id = static_cast<unsigned long>(::gettid());
#endif
}

void forget_frames() noexcept {
  PyThreadState* const state = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030f0000
  state->current_frame = state->base_frame;
  state->py_recursion_remaining = state->py_recursion_limit;
#elif PY_VERSION_HEX >= 0x030d0000
  state->current_frame = nullptr;
  state->py_recursion_remaining = state->py_recursion_limit;
#elif PY_VERSION_HEX >= 0x030c0000
  state->cframe = &state->root_cframe;
  state->root_cframe.current_frame = nullptr;
  state->py_recursion_remaining = state->py_recursion_limit;
#elif PY_VERSION_HEX >= 0x030b0000
  state->cframe = &state->root_cframe;
  state->root_cframe.current_frame = nullptr;
  state->recursion_remaining = state->recursion_limit;
#else
  state->frame = nullptr;
  state->recursion_depth = 0;
#endif
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030e0000
  if (g_calls_in_c > 0) state->c_recursion_remaining = g_calls_in_c;
#endif
}

}  // namespace pml::worker::compat
