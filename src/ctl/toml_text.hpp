#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pml::ctl {

/// A TOML basic string.
[[nodiscard]] std::string toml_text(std::string_view text);
/// A TOML list of strings, on one line.
[[nodiscard]] std::string toml_list(const std::vector<std::string>& items);

}  // namespace pml::ctl
