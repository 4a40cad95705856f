#pragma once

#include "worker/compat/known.hpp"

/// The stack of frames, and how deep it may be.
namespace pml::worker::compat {

/// The depth that calls in Python may have, as the thread's state has it.
[[nodiscard]] long recursion_limit() noexcept;

/// Notes how deep calls in C may be nested in a thread that runs nothing yet. Once, in the zygote.
void note_recursion_limit() noexcept;

/// The thread's number, as the kernel has it, has become another.
void renew_thread_number_of_state() noexcept;

/// Forgets the Python frames below the caller, so that the next code to run stands at the bottom of
/// the stack, with the whole recursion depth before it. The thread never returns into them.
void forget_frames() noexcept;

/// While it lives, the C function that made it does not count towards the recursion limit.
class UncountedCall {
 public:
  UncountedCall() noexcept { count(-1); }
  ~UncountedCall() { count(1); }
  UncountedCall(const UncountedCall&) = delete;
  UncountedCall& operator=(const UncountedCall&) = delete;

 private:
  /// Adds so many calls to those that count.
  static void count([[maybe_unused]] int calls) noexcept {
#if PY_VERSION_HEX >= 0x030e0000
#elif PY_VERSION_HEX >= 0x030c0000
    PyThreadState_Get()->c_recursion_remaining -= calls;
#elif PY_VERSION_HEX >= 0x030b0000
    PyThreadState_Get()->recursion_remaining -= calls;
#else
    PyThreadState_Get()->recursion_depth += calls;
#endif
  }
};

}  // namespace pml::worker::compat
