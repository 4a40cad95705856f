#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/process_facts.hpp"

namespace pml::zygote {

/// "exit-call MODULE:FUNCTION only-if-set LIBRARY:SYMBOL". See config/quirks.
struct ExitCallQuirk {
  std::string function;  ///< MODULE:FUNCTION
  std::string library;
  std::string symbol;
};

/// "renew MODULE:NAME MODULE:CALLABLE" or "renew MODULE:NAME = EXPRESSION".
struct RenewalQuirk {
  std::string module;
  std::string name;
  std::string source_module;  ///< empty: the source is an expression
  std::string source;
};

/// "draw MODULE LIBRARY by EXPRESSION" or "draw MODULE LIBRARY harmless".
struct DrawQuirk {
  std::string module;      ///< "*": any
  std::string library;     ///< file name up to the first dot
  std::string expression;  ///< seen from the module; empty: harmless
};

/// "threads MODULE ended by EXPRESSION begun by EXPRESSION".
struct ThreadQuirk {
  std::string module;
  std::string ended_by;  ///< both seen from the module
  std::string begun_by;  ///< `was` is what the other gave
};

/// All that is known of libraries.
struct Quirks {
  std::vector<ExitCallQuirk> exit_calls;
  std::vector<RenewalQuirk> renewals;
  std::vector<DrawQuirk> draws;
  std::vector<ThreadQuirk> threads;
  /// "import MODULE needs MODULE", the first may end in "*".
  std::vector<std::pair<std::string, std::string>> needs;

  /// "change MODULE by MODULE": the first is never imported without the second.
  std::vector<std::pair<std::string, std::string>> kept_changes;
  /// "watch MODULE:NAME items".
  std::vector<std::pair<std::string, std::string>> watched;
  /// "question MODULE:KIND harmless".
  std::vector<std::pair<std::string, std::string>> harmless_questions;

  /// "extension MODULE once": cannot be set up twice.
  std::vector<std::string> once;
  /// "extension MODULE:FUNCTION notices-second".
  std::vector<std::pair<std::string, std::string>> import_guards;

  /// Adds what one line says; nothing where it is of no known form.
  void read(std::string_view line);
  /// The modules that the import of `name` fetches in a way that cannot be watched.
  [[nodiscard]] std::vector<std::string> needs_of(const std::string& name) const;
  /// Whether it does not matter that the module asks this when it is imported.
  [[nodiscard]] bool is_harmless(const std::string& module, worker::FactKind kind) const;
};

/// The function to register instead of `function`: itself, or one that looks at the quirk's pointer
/// first. `quirks` are all known ones.
[[nodiscard]] pybind11::object with_quirks(const pybind11::object& function,
                                           const std::vector<ExitCallQuirk>& quirks);

}  // namespace pml::zygote
