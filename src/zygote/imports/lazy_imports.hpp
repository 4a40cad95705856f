#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// Hears of what preloads import lazily (CPython 3.15) and writes it into the import log. None of
/// it is an import: the module is asked for by whom first uses the name.
///
/// What `lazy from` binds depends on whether the module is there already; here it is recorded as if
/// it were not, but where the importing module brings it itself.
class LazyImports {
 public:
  /// `log` outlives it.
  explicit LazyImports(ImportLog& log) : log_(log) {}

  /// Takes down what is lazily imported in every interpreter.
  void start();
  /// The innermost is about to import the module of that absolute name lazily; `names` is None, or
  /// those of a `lazy from`. Until `release` the module looks as if it were not there.
  void note(const std::string& module, const pybind11::object& names);
  /// Lets the module that `note` has hidden be what it is.
  void release();
  /// Writes down, for the innermost, which names lost their laziness since the last call.
  void note_resolved();
  /// The module's own import has ended: its names.
  void note_names(const std::string& module);
  /// Everything as in a fresh interpreter. Throws pybind11::error_already_set.
  void restore();

 private:
  [[nodiscard]] bool is_brought_by_innermost(const std::string& module) const;

  ImportLog& log_;
  pybind11::object first_, seen_;                         // sets of names
  std::map<std::string, std::set<std::string>> sources_;  // of `lazy from`, by who has it
  pybind11::object hidden_;                               // the spec of a module
};

}  // namespace pml::zygote
