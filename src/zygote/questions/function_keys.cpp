#include "zygote/questions/function_keys.hpp"

#include <pybind11/pybind11.h>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

bool is_function(PyObject* key) {
  return PyCFunction_Check(key) != 0;
}

/// Most dicts have text for keys, and then as a rule for all of them.
bool has_function_keys(PyObject* dict) {
  PyObject* key = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, nullptr) != 0;) {
    if (PyUnicode_CheckExact(key) != 0) return false;
    if (is_function(key)) return true;
  }
  return false;
}

bool has_functions(PyObject* set) {
  // Without a hash: an iteration compares nothing.
  for (const py::handle item : py::reinterpret_borrow<py::iterable>(set))
    if (is_function(item.ptr())) return true;
  return false;
}

void rehash_dict(const py::dict& dict) {
  // The hashes are kept beside the keys: a copy of the dict would have the old ones.
  const py::list items = py::reinterpret_steal<py::list>(PyDict_Items(dict.ptr()));
  dict.attr("clear")();
  for (const py::handle item : items) {
    const auto pair = py::reinterpret_borrow<py::tuple>(item);
    if (PyDict_SetItem(dict.ptr(), pair[0].ptr(), pair[1].ptr()) != 0)
      throw py::error_already_set();
  }
}

void rehash_set(const py::object& set) {
  const py::list items(set);
  if (PySet_Clear(set.ptr()) != 0) throw py::error_already_set();
  for (const py::handle item : items)
    if (PySet_Add(set.ptr(), item.ptr()) != 0) throw py::error_already_set();
}

}  // namespace

void rehash_function_keys() {
  const py::list objects = module_named("gc").attr("get_objects")();
  for (const py::handle object : objects) {
    if (PyDict_CheckExact(object.ptr()) != 0 && has_function_keys(object.ptr()))
      rehash_dict(py::reinterpret_borrow<py::dict>(object));
    else if (PyAnySet_CheckExact(object.ptr()) != 0 && PyFrozenSet_CheckExact(object.ptr()) == 0 &&
             has_functions(object.ptr()))
      rehash_set(py::reinterpret_borrow<py::object>(object));
  }
}

}  // namespace pml::zygote
