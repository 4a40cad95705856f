#include "worker/search_places.hpp"

#include <algorithm>
#include <optional>

#include "worker/names.hpp"

namespace pml::worker {

namespace {

/// The items of one of sys's lists that nobody has replaced; none where it is no list any more.
std::vector<PyObject*> items_of(const char* name) {
  std::vector<PyObject*> items;
  PyObject* const list = PySys_GetObject(name);
  if (list == nullptr || !PyList_Check(list)) return items;
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i) items.push_back(PyList_GetItem(list, i));
  return items;
}

/// The folders of a package, but for one without an __init__.py, whose path is worked out anew.
std::optional<std::vector<std::string>> path_of(PyObject* package) {
  if (package == nullptr || PyModule_Check(package) == 0) return std::nullopt;
  PyObject* const path = PyDict_GetItemString(PyModule_GetDict(package), "__path__");
  if (path == nullptr || PyList_CheckExact(path) == 0) return std::nullopt;
  std::vector<std::string> folders;
  for (Py_ssize_t i = 0; i < PyList_Size(path); ++i) {
    PyObject* const item = PyList_GetItem(path, i);
    folders.emplace_back(PyUnicode_Check(item) != 0 ? text_of(item) : "");
  }
  return folders;
}

}  // namespace

void SearchPlaces::note_finders() {
  for (PyObject* const finder : items_of("meta_path")) finders_.push_back(Ref::borrow(finder));
  for (PyObject* const hook : items_of("path_hooks")) hooks_.push_back(Ref::borrow(hook));
  PyObject* const made = PySys_GetObject("path_importer_cache");
  PyObject *key = nullptr, *finder = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(made, &at, &key, &finder) != 0;)
    path_finders_.insert(Py_TYPE(finder));
}

void SearchPlaces::note_package(int number, PyObject* package) {
  if (auto path = path_of(package)) packages_.try_emplace(number, std::move(*path));
}

bool SearchPlaces::has_foreign_finders() const {
  std::size_t next = 0;
  for (PyObject* const item : items_of("meta_path")) {
    if (next == finders_.size()) return false;
    if (item == finders_[next].get())
      ++next;
    else if (std::none_of(finders_.begin(), finders_.end(),
                          [item](const Ref& own) { return own.get() == item; }))
      return true;
  }
  return next < finders_.size();
}

bool SearchPlaces::has_foreign_path_finders() const {
  const std::vector<PyObject*> hooks = items_of("path_hooks");
  if (hooks.size() < hooks_.size()) return true;
  for (std::size_t i = 0; i < hooks_.size(); ++i)
    if (hooks[i] != hooks_[i].get()) return true;
  PyObject* const made = PySys_GetObject("path_importer_cache");
  if (made == nullptr || PyDict_Check(made) == 0) return true;
  PyObject *key = nullptr, *finder = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(made, &at, &key, &finder) != 0;)
    if (finder != Py_None && path_finders_.count(Py_TYPE(finder)) == 0) return true;
  return false;
}

bool SearchPlaces::has_moved(int number, PyObject* package) const {
  const auto before = packages_.find(number);
  if (before == packages_.end()) return false;
  const auto now = path_of(package);
  const std::vector<std::string>& first = before->second;
  return !now || now->size() < first.size() ||
         !std::equal(first.begin(), first.end(), now->begin());
}

}  // namespace pml::worker
