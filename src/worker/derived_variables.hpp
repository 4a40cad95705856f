#pragma once

#include <functional>
#include <optional>
#include <string>

namespace pml::worker {

/// The value of a variable of the environment; nothing where it is not set.
using VariableOf = std::function<std::optional<std::string>(const std::string& name)>;

/// Names that no variable has, for what Python's own functions make of one. Callers whose variables
/// differ may agree in it.
inline constexpr const char* k_home = "=home";   ///< os.path.expanduser("~")
inline constexpr const char* k_runs = "=runs ";  ///< and a name: the file that subprocess executes
inline constexpr const char* k_which = "=which ";  ///< and a name: shutil.which

/// The value of the variable, or what is made of one.
[[nodiscard]] std::optional<std::string> derived_value(const std::string& name,
                                                       const VariableOf& variable);

/// The variable that the name is about: itself, HOME or PATH.
[[nodiscard]] std::string variable_behind(const std::string& name);

}  // namespace pml::worker
