#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pml::base {

/// The CPython 3 versions that src/worker/compat/ knows.
inline constexpr int k_oldest_minor = 9;
inline constexpr int k_newest_minor = 15;

/// Why pml cannot serve an interpreter whose extension modules end in `abi`, such as
/// "cpython-312-x86_64-linux-gnu", in words that follow "it"; nothing where it can. Pure.
[[nodiscard]] std::optional<std::string> unserved_abi(std::string_view abi);

}  // namespace pml::base
