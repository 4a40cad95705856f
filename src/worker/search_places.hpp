#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "worker/python.hpp"

namespace pml::worker {

/// Where the import system looks for modules, and whom it asks: its finders, what they make of a
/// folder, and the folders of packages.
class SearchPlaces {
 public:
  /// Takes down the finders that are there now. Called in the zygote.
  void note_finders();
  /// The same of a package's folders; `number` is the package's. A package that looks for them
  /// anew each time is left out.
  void note_package(int number, PyObject* package);

  /// Whether finders of the program's own come before the usual ones, or some of these are gone.
  [[nodiscard]] bool has_foreign_finders() const;
  /// Whether another than the usual finder is, or may be, asked for what lies in a folder.
  [[nodiscard]] bool has_foreign_path_finders() const;
  /// Whether the package now looks for its modules elsewhere first.
  [[nodiscard]] bool has_moved(int number, PyObject* package) const;

 private:
  std::vector<Ref> finders_;
  std::vector<Ref> hooks_;
  std::set<PyTypeObject*> path_finders_;
  std::unordered_map<int, std::vector<std::string>> packages_;
};

}  // namespace pml::worker
