#pragma once

#include "worker/compat/known.hpp"

/// Programs that are given with -c.
namespace pml::worker::compat {

/// Nothing is set; C's own initializer is none of C++.
[[nodiscard]] inline PyCompilerFlags no_compiler_flags() noexcept {
  PyCompilerFlags flags{};
  flags.cf_feature_version = PY_MINOR_VERSION;
  return flags;
}

/// Runs the text of -c. `text` and `bytes` are the same, as str and as UTF-8 bytes. Null with an
/// exception set where it failed.
[[nodiscard]] Ref run_command(PyObject* text, PyObject* bytes, PyObject* globals);

/// Drops what the interpreter does for a program that came with -c, as the zygote's: from 3.13 on
/// it imports linecache, behind site, unless that did, and puts the program's lines there.
void forget_command() noexcept;

/// Whether the interpreter's own modules take the program's lines as run_command gives them.
[[nodiscard]] bool command_is_known();

}  // namespace pml::worker::compat
