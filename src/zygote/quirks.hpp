#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::zygote {

/// "exit-call FUNCTION only-if CONDITION", both MODULE:NAME. See config/quirks.
struct ExitCallQuirk {
  std::string function;
  std::string condition_module;
  std::string condition;  ///< dotted name in that module
};

/// Reads one line; nothing where it is of no known form.
[[nodiscard]] std::optional<ExitCallQuirk> read_quirk(std::string_view line);

/// The function to register instead of `function`: itself, or one that asks the quirk's condition
/// first. `quirks` are all known ones.
[[nodiscard]] pybind11::object with_quirks(const pybind11::object& function,
                                           const std::vector<ExitCallQuirk>& quirks);

}  // namespace pml::zygote
