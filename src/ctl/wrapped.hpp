#pragma once

#include <string>
#include <vector>

namespace pml::ctl {

/// Commands that `wrap` of pml 0.1 has made warm: each with a profile of its own, wrap-NAME, and a
/// launcher. They are taken back as they were made.
[[nodiscard]] std::vector<std::string> wrapped_names();
[[nodiscard]] bool is_wrapped(const std::string& name);
/// Throws Failure where it is not wrapped.
void unwrap_one(const std::string& name);

}  // namespace pml::ctl
