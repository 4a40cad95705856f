#pragma once

#include <string>
#include <vector>

#include "worker/python.hpp"

namespace pml::zygote {

/// Takes, for good, the free places that lie scattered among what the zygote's imports left, up to
/// where whole pages are free: what workers allocate comes to lie side by side, on few pages, which
/// are all that each of them has to copy. Costs the zygote some more memory. To be called when its
/// heap is complete; the GIL is held.
void settle_heap() noexcept;

/// Has the dynamic linker look up what the interpreter calls in a new child and nowhere before:
/// each worker would search for it, and write its address down. The GIL is held.
void bind_functions_of_fork() noexcept;

/// The texts as str, side by side: a worker that counts references to all of them copies few pages.
/// Null where memory is short. The GIL is held.
[[nodiscard]] std::vector<worker::Ref> adjacent_strings(const std::vector<std::string>& texts);

}  // namespace pml::zygote
