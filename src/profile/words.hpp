#pragma once

#include <string>
#include <string_view>

namespace pml::profile {

/// Whether `text` is Python identifiers joined by dots. Letters outside ASCII are let through:
/// Python itself will say what it thinks of them.
[[nodiscard]] bool is_dotted_name(std::string_view text) noexcept;

/// What was probably meant by `text`, which is not a module's name. May be empty.
[[nodiscard]] std::string module_hint(std::string_view text);

/// Whether `text` is one or more digits, not too many for a number.
[[nodiscard]] bool all_digits(std::string_view text) noexcept;

/// Whether `text` holds a line break or any other ASCII control character.
[[nodiscard]] bool has_control_character(std::string_view text) noexcept;

/// "section.key", or the key alone where there is no section.
[[nodiscard]] std::string dotted(std::string_view section, std::string_view key);

/// A text in quotes for a message: shortened, and with "?" for control characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace pml::profile
