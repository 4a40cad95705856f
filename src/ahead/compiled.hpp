#pragma once

#include <optional>
#include <string>

namespace pml::ahead {

/// What compiled code could ask or do without a word to Python: the first function of C that the
/// shared object at `path` takes from elsewhere and that is not known to concern nobody else; or a
/// library that it needs besides the C library and those of C++, or that it cannot be read. Nothing
/// for an object that only computes, and speaks with Python: what it has Python do is heard.
/// (Machine code that enters the kernel by itself is not found out.)
[[nodiscard]] std::optional<std::string> hidden_deed_of(const std::string& path);

/// Whether it takes the time from somewhere by itself, or cannot be read.
[[nodiscard]] bool reads_clock(const std::string& path);

}  // namespace pml::ahead
