#pragma once

#include <string>
#include <vector>

namespace pml::base {

/// The variable that names the interpreter of profiles which name none.
inline constexpr const char* k_python_variable = "PML_PYTHON";

/// Whether `path`, links followed, is the program pml, which would only come back to whoever looks
/// for a python3: it is called "pml", or is the same file as one of `launchers`.
[[nodiscard]] bool is_pml(const std::string& path, const std::vector<std::string>& launchers);

/// The first "python3" in the folders of `search_path` (PATH's value; null: where a shell would
/// look without it) that can be executed and is not pml. Empty where there is none.
[[nodiscard]] std::string find_python3(const char* search_path,
                                       const std::vector<std::string>& launchers);

}  // namespace pml::base
