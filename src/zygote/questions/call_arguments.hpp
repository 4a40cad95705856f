#pragma once

#include <optional>
#include <string>

#include "worker/python.hpp"

namespace pml::zygote {

/// What the arguments say that a program has called a function with. None of these leaves an
/// exception.

/// Null where it is no text.
[[nodiscard]] const char* text_in(PyObject* text);

/// Nothing for a descriptor; empty where there is none.
[[nodiscard]] std::optional<std::string> path_in(PyObject* path);

/// What open's second argument says; false where there is none.
[[nodiscard]] bool is_to_be_written(PyObject* how);

[[nodiscard]] bool is_of_the_system(const std::string& path);

/// What the kernel tells of this process, by a name that every process has; not what it runs, which
/// is the same for all.
[[nodiscard]] bool is_of_this_process(const std::string& path);

/// Which limit, RLIMIT_…, decides what sysconf says of `setting`, a name or a number; -1: none.
[[nodiscard]] int limit_behind(PyObject* setting);

}  // namespace pml::zygote
