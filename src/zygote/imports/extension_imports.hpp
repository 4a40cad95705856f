#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// Finds out what shared objects import by themselves. An import written in C shows only where the
/// module is not in sys.modules, and the use of a module that has no file only in the references to
/// it: while a shared object is loaded, sys.modules shows what a python3 that imports only this
/// would have there.
class ExtensionImports {
 public:
  /// `log` outlives it.
  explicit ExtensionImports(ImportLog& log) : log_(log) {}

  /// Calls one of importlib's functions that load a shared object. Throws
  /// pybind11::error_already_set.
  pybind11::object run(const pybind11::object& function, const pybind11::args& arguments);

  /// Puts the module back into sys.modules where it is out of sight, and all that its import
  /// brings.
  void show(const std::string& name);
  /// Whether the module is in sys.modules or out of sight.
  [[nodiscard]] bool is_loaded(const std::string& name) const;

 private:
  [[nodiscard]] std::set<std::string> asked_for() const;
  std::vector<std::string> hide_unasked();
  void show_again(const std::vector<std::string>& names);
  [[nodiscard]] std::map<std::string, Py_ssize_t> made_modules() const;

  ImportLog& log_;
  std::map<std::string, pybind11::object> hidden_;
};

}  // namespace pml::zygote
