#pragma once

#include <string>

namespace pml::zygote {

/// libffi, which ctypes and cffi call Python functions from C with, keeps the file of its own
/// library open from the first such function on, at a number that it notes inside. Once it is
/// loaded: has it open that file now, at a high number (worker::note_kept_file). Cheap where
/// nothing is to be done. Where libffi keeps no file, or lies inside of another library, nothing is
/// done.
void reserve_callback_file() noexcept;

/// Whether the shared object of that path, which is loaded, is linked to libffi.
[[nodiscard]] bool uses_callbacks(const std::string& path) noexcept;

}  // namespace pml::zygote
