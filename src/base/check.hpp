#pragma once

#include <concepts>

namespace pml::base {

/// Throws std::system_error for `error` (an errno value), saying what was being done.
[[noreturn]] void throw_errno(int error, const char* what);

/// For calls that return -1 and set errno: passes the result on, or throws std::system_error.
template <std::integral T>
T check(T result, const char* what);

/// For libsystemd calls, which return -errno and do not set errno: passes the result on or throws.
int check_sd(int result, const char* what);

}  // namespace pml::base
