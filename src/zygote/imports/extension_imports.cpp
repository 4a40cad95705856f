#include "zygote/imports/extension_imports.hpp"

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// What has no spec was not found by an import and would not be found again.
bool has_spec(const py::handle module) {
  return !name_in(module, "__spec__").is_none();
}

}  // namespace

/// What the imports around it have asked for shows too where they are those of its packages alone:
/// another program imports it by itself.
std::set<std::string> ExtensionImports::asked_for() const {
  std::set<std::string> asked;
  for (std::string one = log_.running().back(); !one.empty();) {
    log_.reach(one, asked);
    const std::size_t dot = one.rfind('.');
    one.resize(dot == std::string::npos ? 0 : dot);
  }
  for (const std::string& name : log_.running()) log_.add_with_packages(name, asked);
  return asked;
}

std::vector<std::string> ExtensionImports::hide_unasked() {
  const std::set<std::string> asked = asked_for();
  std::vector<std::string> names;
  for (const auto& [key, module] : modules()) {
    if (!py::isinstance<py::str>(key) || PyModule_Check(module.ptr()) == 0) continue;
    const std::string name = py::str(key);
    if (asked.count(name) != 0 || !log_.is_recorded(name) || log_.is_known(name) ||
        !has_spec(module))
      continue;
    hidden_[name] = py::reinterpret_borrow<py::object>(module);
    names.push_back(name);
  }
  for (const std::string& name : names) PyDict_DelItemString(modules().ptr(), name.c_str());
  return names;
}

void ExtensionImports::show(const std::string& name) {
  std::set<std::string> names;
  log_.reach(name, names);
  show_again({names.begin(), names.end()});
}

void ExtensionImports::show_again(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = hidden_.find(name);
    if (found == hidden_.end()) continue;
    if (!modules().contains(name)) modules()[name.c_str()] = found->second;
    hidden_.erase(found);
  }
}

/// Modules that C code made for itself and others, as Cython does, with the number of references to
/// them and to their types.
std::map<std::string, Py_ssize_t> ExtensionImports::made_modules() const {
  std::map<std::string, Py_ssize_t> made;
  for (const auto& [key, module] : modules()) {
    if (!py::isinstance<py::str>(key) || PyModule_Check(module.ptr()) == 0) continue;
    const std::string name = py::str(key);
    if (!log_.is_recorded(name) || log_.is_known(name) || has_spec(module)) continue;
    Py_ssize_t& count = made[name];
    count = Py_REFCNT(module.ptr());
    PyObject *type_name = nullptr, *type = nullptr;
    for (Py_ssize_t at = 0;
         PyDict_Next(PyModule_GetDict(module.ptr()), &at, &type_name, &type) != 0;)
      if (PyType_Check(type) != 0) count += Py_REFCNT(type);
  }
  return made;
}

py::object ExtensionImports::run(const py::object& function, const py::args& arguments) {
  if (log_.running().empty()) return function(*arguments);
  const std::vector<std::string> hidden = hide_unasked();
  const std::map<std::string, Py_ssize_t> made = made_modules();
  // Such a module is asked for before others.
  std::size_t first = log_.request_count();
  try {
    py::object result = function(*arguments);
    show_again(hidden);
    const std::map<std::string, Py_ssize_t> now = made_modules();
    for (const auto& [name, count] : made)
      if (const auto found = now.find(name); found != now.end() && found->second > count)
        if (log_.request_at(name, first)) ++first;
    return result;
  } catch (py::error_already_set&) {
    show_again(hidden);
    throw;
  }
}

bool ExtensionImports::is_loaded(const std::string& name) const {
  return modules().contains(name) || hidden_.count(name) != 0;
}

}  // namespace pml::zygote
