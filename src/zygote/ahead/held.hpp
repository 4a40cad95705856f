#pragma once

#include <unordered_map>

#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// Whether an object with an end of its own (a finalizer of Python code, a generator that waits, a
/// weak reference that calls back), made by the program behind the stop, is held by what was there
/// before: the interpreter ends it in its own order, when the holder's names are gone already.
/// `before`: those with such an end that were there at the stop, with their types; they do not
/// count. Costs what a collection of the program's own objects does, and next to nothing where none
/// has such an end.
[[nodiscard]] bool holds_unended_objects(
    const std::unordered_map<PyObject*, PyTypeObject*>& before);

}  // namespace pml::zygote::ahead
