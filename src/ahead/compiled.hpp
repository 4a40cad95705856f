#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pml::ahead {

/// What compiled code could ask or do without a word to Python: the first function of C that the
/// shared object at `path` takes from elsewhere and that is not known to concern nobody else; or a
/// library that it needs besides the C library and those of C++, or that it cannot be read. Nothing
/// for an object that only computes, and speaks with Python: what it has Python do is heard.
/// (Machine code that enters the kernel by itself is not found out.)
[[nodiscard]] std::optional<std::string> hidden_deed_of(const std::string& path);

/// Of what it could ask: the first that no observer hears either, because it is answered by memory
/// that the caller's words and environment lie in, and no function of the C library is called. An
/// object that cannot be read asks nothing.
[[nodiscard]] std::optional<std::string> silent_question_of(const std::string& path);

/// Whether the function or variable of C with that name is such a question.
[[nodiscard]] bool is_silent_question(std::string_view name) noexcept;

/// Whether it takes the time from somewhere by itself, or cannot be read.
[[nodiscard]] bool reads_clock(const std::string& path);

}  // namespace pml::ahead
