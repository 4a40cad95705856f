#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "zygote/imports/quirks.hpp"

namespace pml::zygote {

/// Which names imports look up in which modules: a job in which such a name holds something else
/// imports afresh who took it.
class TakenNames {
 public:
  /// `quirks` outlives it.
  explicit TakenNames(const Quirks& quirks) : quirks_(quirks) {}

  /// The import of `taker` looks the name up in the module.
  void note(PyObject* module, PyObject* name, const std::string& taker);
  /// Hands all to the process's stash, which is filled.
  void give_to_stash() const;
  void clear() {
    takers_.clear();
    made_names_.clear();
  }

 private:
  [[nodiscard]] bool matters(PyObject* module, PyObject* name, const std::string& taker) const;

  using Place = std::pair<PyObject*, PyObject*>;  // a module, a name
  struct Hash {
    std::size_t operator()(const Place& place) const noexcept {
      return std::hash<const void*>()(place.first) * 31 + std::hash<const void*>()(place.second);
    }
  };
  const Quirks& quirks_;
  std::unordered_map<Place, std::set<std::string>, Hash> takers_;
  std::map<PyObject*, pybind11::object> kept_;  // the names and modules, so that they stay
  std::unordered_map<std::string, pybind11::object> made_names_;  // of those that are not interned
};

}  // namespace pml::zygote
