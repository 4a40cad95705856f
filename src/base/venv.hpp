#pragma once

#include <string>
#include <string_view>

namespace pml::base {

/// The name of the profile that serves the virtual environment in the folder `path`, which is
/// absolute and without links: "venv-", the project's name as far as a profile's name can hold it,
/// and a hash of the path. So whoever knows the folder knows the profile, and nothing has to be
/// looked up. Pure.
[[nodiscard]] std::string venv_profile(std::string_view path);

}  // namespace pml::base
