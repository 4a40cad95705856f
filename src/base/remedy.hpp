#pragma once

#include <string>
#include <string_view>

namespace pml::base {

/// What a person can do about programs of the profile `profile` that run cold for `reason` (its
/// short name, as traces have it). `detail` says more of the reason: a variable's name, a path; may
/// be empty. Empty where nothing can be done, or nothing needs to be.
[[nodiscard]] std::string remedy_of(std::string_view reason, std::string_view detail,
                                    std::string_view profile);

}  // namespace pml::base
