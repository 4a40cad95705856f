#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::service {

/// Splits `line` into words as a POSIX shell would: blanks separate, '…' is literal, "…" lets a
/// backslash quote $ ` " \ and a newline, a bare backslash quotes any byte (a quoted newline is
/// dropped). Nothing is expanded, no byte is an operator or a comment. Nothing where a quote is not
/// closed or a backslash ends the line.
[[nodiscard]] std::optional<std::vector<std::string>> split_words(std::string_view line);

}  // namespace pml::service
