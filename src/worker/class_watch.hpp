#pragma once

#include <vector>

#include "worker/python.hpp"

namespace pml::worker {

/// Notes from now on which of the classes that there are now are changed: a name set or deleted in
/// one. Called in the zygote when the stash is filled, before any class is hidden. The GIL is held.
void watch_classes();

/// Takes what has been changed so far for what was there.
void settle_classes();

/// Whether what is changed until the next call is not to be noted: so it is before the first.
void pause_classes(bool paused);

/// Classes in which a name holds something else than when they were settled; borrowed. Each is told
/// once, and then settled.
[[nodiscard]] std::vector<PyTypeObject*> changed_classes();

}  // namespace pml::worker
