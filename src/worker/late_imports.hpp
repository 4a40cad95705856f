#pragma once

#include <string>

#include "worker/python.hpp"

namespace pml::worker {

/// Where jobs tell at their end what they imported that was not preloaded: an abstract datagram
/// address. Set once, in the zygote; empty: nobody asks, and the rest does nothing.
void set_imports_address(std::string address);

/// Takes down the names in sys.modules that are the job's own. Called before they are removed.
void note_late_imports();

/// Tells what was taken down. Called when the job has no descriptor left, so that nothing of it can
/// be seen by the program; what cannot be delivered at once is lost.
void tell_late_imports();

}  // namespace pml::worker
