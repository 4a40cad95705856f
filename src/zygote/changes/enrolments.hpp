#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "zygote/imports/import_log.hpp"
#include "zygote/imports/quirks.hpp"

namespace pml::zygote {

/// Sees what the import of a module enrols with objects of other modules, where no dict shows it:
/// classes with abstract ones (ABCMeta.register), functions for classes with generic ones
/// (functools.singledispatch).
class Enrolments {
 public:
  /// Both must outlive this.
  Enrolments(ImportLog& log, const Quirks& quirks) : log_(log), quirks_(quirks) {}

  /// The import that is running has registered `member` with the abstract class `group`.
  void note_class(const pybind11::object& group, const pybind11::object& member);
  /// From now on watches the generic functions and methods of a module that has been imported.
  void watch_module(const std::string& name);
  /// Writes down which classes have been registered with those since the last call.
  void note();

 private:
  void add(pybind11::handle with, pybind11::handle member);

  struct Generic {
    pybind11::object function;
    pybind11::dict registry;  // when last looked at
  };

  ImportLog& log_;
  const Quirks& quirks_;
  std::vector<Generic> generics_;
};

/// Whether a job may have both, what was enrolled and what with, without the module `name`.
[[nodiscard]] bool is_seen_without(const ImportLog& log, const std::string& name,
                                   const Enrolment& enrolment);

}  // namespace pml::zygote
