#pragma once

#include <string>

namespace pml::ctl {

/// Writes the profile `name` for `interpreter` where there is none. Throws Failure where the
/// interpreter cannot be served.
void ensure_profile(const std::string& name, const std::string& interpreter);

}  // namespace pml::ctl
