#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::cold {

/// What pml-cold is about to execute, or why it cannot.
struct Launch {
  std::string interpreter;
  std::optional<std::string> python_path;  ///< PYTHONPATH's new value; nothing: leave it as it is
  std::string error;                       ///< one line without "pml: "; empty: all is well
};

/// Finds the interpreter of the profile `name`. `current_path` is the caller's PYTHONPATH or null.
[[nodiscard]] Launch prepare(std::string_view name, const std::vector<std::string>& folders,
                             const char* current_path);

/// Whether `path`, links followed, is the program pml, which would only come back here: it is
/// called "pml", or is the same file as one of `launchers`.
[[nodiscard]] bool is_pml(const std::string& path, const std::vector<std::string>& launchers);

/// Executes the interpreter with `arguments` after its own path as argv[0]. Returns only where that
/// fails: what is wrong, in one line.
[[nodiscard]] std::string execute(const Launch& launch, char* const* arguments);

}  // namespace pml::cold
