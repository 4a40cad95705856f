#pragma once

#include "worker/compat/known.hpp"
#include "worker/fitness.hpp"

extern "C" {
PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
}

/// What the interpreter was told at its start.
namespace pml::worker::compat {

/// Whether a program named "." or "" is the current folder, without either behind it.
inline constexpr bool k_shortens_dot = PY_VERSION_HEX >= 0x030b0000;

/// What the caller's options and variables are judged by.
inline constexpr Interpreter k_interpreter{.utf8_by_default = PY_VERSION_HEX >= 0x030f0000,
                                           .dumps_c_stack = PY_VERSION_HEX >= 0x030e0000};

/// The folder of this version's modules, below "lib".
inline constexpr const char* k_folder_name =
    "python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION);

/// The running interpreter's configuration, to be changed in place.
[[nodiscard]] inline PyConfig* config() noexcept {
  return pml_interpreter_config();
}

/// -I, or -P from 3.11 on: the program's folder is no part of the path. Only a program that ran
/// ahead has such an interpreter.
[[nodiscard]] inline bool has_safe_path() noexcept {
#if PY_VERSION_HEX >= 0x030b0000
  return config()->safe_path != 0;
#else
  return config()->isolated != 0;
#endif
}

/// Makes the interpreter answer as if it had been started with or without the UTF-8 mode.
inline void set_utf8_mode(bool on) noexcept {
  pml_set_utf8_mode(on ? 1 : 0);
}

/// How many values a structure of the interpreter's has: from 3.14 on sys.flags has some by name
/// only, behind those that count as its length.
[[nodiscard]] inline Py_ssize_t count_of_fields(PyObject* structure) {
  const Ref count = attribute(reinterpret_cast<PyObject*>(Py_TYPE(structure)), "n_fields");
  const Py_ssize_t fields = count ? PyLong_AsSsize_t(count.get()) : Py_SIZE(structure);
  PyErr_Clear();
  return fields;
}

}  // namespace pml::worker::compat
