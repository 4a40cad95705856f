#include "zygote/changes/registries.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "worker/names.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

constexpr Py_ssize_t k_most_items = 2000;

bool is_cache(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  return lower.find("cache") != std::string::npos || lower.starts_with("__") ||
         lower.find("memo") != std::string::npos;
}

void add_registries(PyObject* names, std::vector<py::object>& found) {
  PyObject *name = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(names, &at, &name, &value) != 0;) {
    const bool list = PyList_CheckExact(value) != 0, dict = PyDict_CheckExact(value) != 0;
    if ((!list && !dict) || PyUnicode_Check(name) == 0 || is_cache(worker::text_of(name))) continue;
    if ((list ? PyList_GET_SIZE(value) : PyDict_Size(value)) > k_most_items) continue;
    found.push_back(py::reinterpret_borrow<py::object>(value));
  }
}

}  // namespace

bool keeps_registries(const std::string& name) {
  constexpr std::array<std::string_view, 14> k_of_the_interpreter = {
      "sys",      "builtins", "posix", "os",        "gc",        "site",      "_warnings",
      "warnings", "weakref",  "_imp",  "linecache", "threading", "zipimport", "__main__"};
  return !name.starts_with("_frozen_importlib") && !name.starts_with("importlib._bootstrap") &&
         std::find(k_of_the_interpreter.begin(), k_of_the_interpreter.end(), name) ==
             k_of_the_interpreter.end();
}

std::vector<py::object> registries_in(const py::object& module, const std::string& name) {
  std::vector<py::object> found;
  if (PyModule_Check(module.ptr()) == 0) return found;
  PyObject* const globals = PyModule_GetDict(module.ptr());
  add_registries(globals, found);
  PyObject *attribute = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(globals, &at, &attribute, &value) != 0;) {
    if (PyType_Check(value) == 0) continue;
    PyObject* const names = reinterpret_cast<PyTypeObject*>(value)->tp_dict;
    if (names == nullptr) continue;
    PyObject* const home = PyDict_GetItemString(names, "__module__");
    if (home != nullptr && PyUnicode_Check(home) != 0 && worker::text_of(home) == name)
      add_registries(names, found);
  }
  return found;
}

}  // namespace pml::zygote
