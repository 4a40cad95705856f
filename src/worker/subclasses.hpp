#pragma once

namespace pml::worker {

/// From now on type.__subclasses__ leaves out the classes of preloads that the program has not
/// imported. Takes down which classes there are; called in the zygote when the stash is filled. The
/// GIL is held.
void hide_subclasses();

}  // namespace pml::worker
