#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::cold {

/// What pml-cold is about to execute, and what is to be said before.
struct Launch {
  std::string interpreter;                 ///< empty: not known, the first python3 of PATH
  std::optional<std::string> python_path;  ///< PYTHONPATH's new value; nothing: leave it as it is
  std::string complaint;                   ///< one line without "pml: "; empty: all is well
};

/// Finds the interpreter of the profile `name`. Of a profile that is wrong somewhere, what is right
/// of it counts; of one that is not there, nothing. `current_path` is the caller's PYTHONPATH or
/// null.
[[nodiscard]] Launch prepare(std::string_view name, const std::vector<std::string>& folders,
                             const char* current_path);

/// Executes the interpreter with `arguments` after its own path as argv[0]. Where that cannot be,
/// or the interpreter is one of `launchers`, executes the first python3 in PATH that is not.
/// Says on standard error, once, why it is not what was asked for. Returns only where there is
/// nothing to execute; then that was said.
void execute(const Launch& launch, char* const* arguments,
             const std::vector<std::string>& launchers);

}  // namespace pml::cold
