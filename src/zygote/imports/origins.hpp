#pragma once

#include <set>
#include <string>

namespace pml::zygote {

/// What this interpreter itself was made from, and a fresh one would be: the executable with every
/// link on the way to it, the shared objects in its memory, the modules of its start, pyvenv.cfg;
/// and patterns of the distributions in the folders of sys.path.
[[nodiscard]] std::set<std::string> origins();

}  // namespace pml::zygote
