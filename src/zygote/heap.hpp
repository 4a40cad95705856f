#pragma once

namespace pml::zygote {

/// Takes, for good, the free places that lie scattered among what the zygote's imports left, up to
/// where whole pages are free: what workers allocate comes to lie side by side, on few pages, which
/// are all that each of them has to copy. Costs the zygote memory that it had already. To be called
/// when its heap is complete; the GIL is held.
void settle_heap() noexcept;

}  // namespace pml::zygote
