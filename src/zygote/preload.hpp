#pragma once

#include "base/unique_fd.hpp"
#include "wire/zygote_message.hpp"

namespace pml::zygote {

/// Imports what `boot` names, tells the service of each step, hides the modules in the stash and
/// freezes the heap. A module that fails is reported and left out. Throws
/// pybind11::error_already_set only where the interpreter itself is not what it should be.
void preload(const wire::Boot& boot, base::BorrowedFd link);

}  // namespace pml::zygote
