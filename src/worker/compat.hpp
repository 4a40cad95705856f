#pragma once

#include "worker/python.hpp"

extern "C" {
/// Exported by every CPython from 3.9 on; the declarations stand in its internal headers.
PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
void pml_clear_module(PyObject* module);
void pml_begin_finalizing(void);
}

/// What differs between versions of CPython, and nothing else.
namespace pml::worker::compat {

/// The running interpreter's configuration, to be changed in place.
[[nodiscard]] inline PyConfig* config() noexcept {
  return pml_interpreter_config();
}

/// Makes the interpreter answer as if it had been started with or without the UTF-8 mode.
inline void set_utf8_mode(bool on) noexcept {
  pml_set_utf8_mode(on ? 1 : 0);
}

/// Clears a module's globals as the interpreter does at its end.
inline void clear_module(PyObject* module) noexcept {
  pml_clear_module(module);
}

/// From here on sys.is_finalizing() is true and no other thread gets the GIL again.
inline void begin_finalizing() noexcept {
  pml_begin_finalizing();
}

/// Forgets the Python frames below the caller, so that the next code to run stands at the bottom of
/// the stack, with the whole recursion depth before it. The thread never returns into them.
inline void forget_frames() noexcept {
  PyThreadState* state = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030d0000
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
}

/// While it lives, the C function that made it does not count towards the recursion limit.
class UncountedCall {
 public:
#if PY_VERSION_HEX >= 0x030c0000
  UncountedCall() noexcept {
    ++PyThreadState_Get()->c_recursion_remaining;
  }
  ~UncountedCall() {
    --PyThreadState_Get()->c_recursion_remaining;
  }
#elif PY_VERSION_HEX >= 0x030b0000
  UncountedCall() noexcept {
    ++PyThreadState_Get()->recursion_remaining;
  }
  ~UncountedCall() {
    --PyThreadState_Get()->recursion_remaining;
  }
#else
  UncountedCall() noexcept {
    --PyThreadState_Get()->recursion_depth;
  }
  ~UncountedCall() {
    ++PyThreadState_Get()->recursion_depth;
  }
#endif
  UncountedCall(const UncountedCall&) = delete;
  UncountedCall& operator=(const UncountedCall&) = delete;
};

}  // namespace pml::worker::compat
