#pragma once

namespace pml::zygote {

/// Puts what sets and dicts hold under functions written in C where it is looked for: the hash of
/// such a function is that of its C code, which the process spy goes round. To be called when the
/// spy has come and when it has gone. Throws pybind11::error_already_set.
void rehash_function_keys();

}  // namespace pml::zygote
