#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::ctl {

/// The first words of a script's first line.
struct FirstLine {
  std::string interpreter;  ///< as it stands there; for "/usr/bin/env python3": "python3"
  bool has_options = false;
};

/// Reads "#!…" where it names a Python interpreter; nothing where it is anything else.
[[nodiscard]] std::optional<FirstLine> python_first_line(std::string_view script);

/// Whether python3 may be able to run a file with this text: not a program of the machine's own
/// code, nor one whose first line names neither Python nor pml.
[[nodiscard]] bool may_be_python(std::string_view text);

/// The modules that a console script imports at its outermost level, without those that every
/// interpreter has.
[[nodiscard]] std::vector<std::string> imported_modules(std::string_view script);

/// The same script with `pml` and `profile` in its first line.
[[nodiscard]] std::string launcher_text(std::string_view script, const std::string& pml,
                                        const std::string& profile);

/// Whether `script` is a launcher for `profile` that launcher_text() made.
[[nodiscard]] bool is_launcher(std::string_view script, const std::string& profile);

}  // namespace pml::ctl
