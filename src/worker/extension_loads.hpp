#pragma once

namespace pml::worker {

/// From now on importlib's loader of shared objects gets, for one that the stash keeps apart, the
/// module that is there already: many cannot be set up twice in one process. The GIL is held.
void go_round_loaders();

}  // namespace pml::worker
