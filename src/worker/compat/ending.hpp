#pragma once

#include "worker/compat/known.hpp"

extern "C" {
void pml_run_exit_calls(void);
PyObject* pml_exit_module(void);
void pml_clear_module(PyObject* module);
void pml_block_operations(void);
void pml_begin_finalizing(void);
}

/// The steps of an interpreter's end.
namespace pml::worker::compat {

/// How many calls the end will make. `function` is atexit._ncallbacks.
[[nodiscard]] inline Ref count_exit_calls([[maybe_unused]] PyObject* function) {
#if PY_VERSION_HEX < 0x030a0000
  PyObject* const module = pml_exit_module();
  return module != nullptr ? Ref::steal(PyObject_CallMethod(module, "_ncallbacks", nullptr))
                           : Ref::steal(PyLong_FromLong(0));
#else
  return Ref::steal(PyObject_CallNoArgs(function));
#endif
}

/// Runs what was given to atexit.register. `function` is atexit._run_exitfuncs.
inline void run_exit_calls([[maybe_unused]] PyObject* function) {
#if PY_VERSION_HEX < 0x030a0000
  pml_run_exit_calls();
#else
  Ref::steal(PyObject_CallNoArgs(function));
#endif
  PyErr_Clear();
}

/// The first thing that an end does: from here on, in 3.12, no thread can be started.
inline void block_operations() noexcept {
  pml_block_operations();
}

/// 3.15 waits again for threads that an exit call has started; the versions before leave them.
#if PY_VERSION_HEX >= 0x030f0000
constexpr bool k_waits_for_late_threads = true;
#else
constexpr bool k_waits_for_late_threads = false;
#endif

/// The interpreter's end begins with a call of threading._shutdown, which the program can see. The
/// next such call only ends as the one before did: well, or with the Python exception that is set,
/// which is taken. Those after it are real ones again.
void repeat_wait_without_waiting();

/// From here on sys.is_finalizing() is true and no other thread gets the GIL again.
inline void begin_finalizing() noexcept {
  pml_begin_finalizing();
}

/// Clears a module's globals as the interpreter does at its end.
inline void clear_module(PyObject* module) noexcept {
  pml_clear_module(module);
}

}  // namespace pml::worker::compat
