#include "zygote/changes/enrolments.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "worker/names.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// Whether it is part of the interpreter's own file, and not of an extension's.
bool is_interpreters(const void* object) noexcept {
  Dl_info one{}, other{};
  return ::dladdr(object, &one) != 0 && ::dladdr(&PyType_Type, &other) != 0 &&
         one.dli_fbase == other.dli_fbase;
}

// Classes are asked without a word to code of their metaclass's.
std::string home_of(PyObject* object) {
  PyObject* home = nullptr;
  if (PyFunction_Check(object) != 0) {
    home = reinterpret_cast<PyFunctionObject*>(object)->func_module;
  } else if (PyObject* const names = reinterpret_cast<PyTypeObject*>(object)->tp_dict) {
    home = PyDict_GetItemString(names, "__module__");
  }
  if (home != nullptr && PyUnicode_Check(home) != 0) return std::string(worker::text_of(home));
  if (PyType_Check(object) == 0) return {};
  const std::string name = reinterpret_cast<PyTypeObject*>(object)->tp_name;
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos) return name.substr(0, dot);
  return is_interpreters(object) ? "builtins" : "";
}

std::string name_of(PyObject* object) {
  if (PyFunction_Check(object) == 0) return reinterpret_cast<PyTypeObject*>(object)->tp_name;
  return std::string(worker::text_of(reinterpret_cast<PyFunctionObject*>(object)->func_name));
}

/// Whether singledispatch has made it.
bool is_generic(PyObject* value) {
  if (PyFunction_Check(value) == 0) return false;
  PyObject* const names = reinterpret_cast<PyFunctionObject*>(value)->func_dict;
  return names != nullptr && PyDict_GetItemString(names, "registry") != nullptr &&
         PyDict_GetItemString(names, "dispatch") != nullptr;
}

/// The generic function behind a method that singledispatchmethod has made, or none.
py::object dispatcher_of(PyObject* method) {
  if (std::string_view(Py_TYPE(method)->tp_name) != "singledispatchmethod") return py::none();
  return py::getattr(py::handle(method), "dispatcher", py::none());
}

Enrolment enrolment_of(const py::handle with, const py::handle member) {
  return {home_of(with.ptr()), home_of(member.ptr()),
          name_of(member.ptr()) + " with " + name_of(with.ptr())};
}

/// Whether who imports `one` has the module `other` then; packages come first.
bool comes_with(const ImportLog& log, const std::string& one, const std::string& other) {
  // The name of no module that can be imported: what Cython's modules have in common, for one.
  if (one.empty() || (log.is_recorded(one) ? log.at(one).unimported : !log.is_known(one)))
    return true;
  std::set<std::string> names;
  ImportLog::add_with_packages(one, names);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == other || log.brings(name, other);
  });
}

}  // namespace

void Enrolments::add(const py::handle with, const py::handle member) {
  Enrolment enrolment = enrolment_of(with, member);
  const auto is_kept = [&](const auto& change) {
    return !log_.running().empty() && change.second == log_.running().back() &&
           (change.first == enrolment.home || change.first == enrolment.member_home);
  };
  if (std::none_of(quirks_.kept_changes.begin(), quirks_.kept_changes.end(), is_kept))
    log_.current().enrolments.push_back(std::move(enrolment));
}

void Enrolments::note_class(const py::object& group, const py::object& member) {
  add(group, member);
}

void Enrolments::watch_module(const std::string& name) {
  const py::dict all = modules();
  PyObject* const module = PyDict_GetItemString(all.ptr(), name.c_str());
  if (module == nullptr || PyModule_Check(module) == 0) return;
  PyObject *key = nullptr, *value = nullptr;
  std::vector<py::object> found;
  for (Py_ssize_t at = 0; PyDict_Next(PyModule_GetDict(module), &at, &key, &value) != 0;) {
    if (is_generic(value)) found.push_back(py::reinterpret_borrow<py::object>(value));
    if (PyType_Check(value) == 0 || home_of(value) != name) continue;
    PyObject* const names = reinterpret_cast<PyTypeObject*>(value)->tp_dict;
    PyObject* method = nullptr;
    for (Py_ssize_t place = 0; names != nullptr && PyDict_Next(names, &place, &key, &method) != 0;)
      if (py::object dispatcher = dispatcher_of(method); is_generic(dispatcher.ptr()))
        found.push_back(std::move(dispatcher));
  }
  for (const py::object& generic : found)
    if (home_of(generic.ptr()) == name)
      generics_.push_back({generic, py::dict(generic.attr("registry"))});
}

void Enrolments::note() {
  for (Generic& generic : generics_) {
    py::dict now(generic.function.attr("registry"));
    for (const auto& [type, function] : now)
      if (PyType_Check(type.ptr()) != 0 &&
          PyDict_GetItem(generic.registry.ptr(), type.ptr()) != function.ptr())
        add(generic.function, type);
    generic.registry = std::move(now);
  }
}

bool is_seen_without(const ImportLog& log, const std::string& name, const Enrolment& enrolment) {
  return !comes_with(log, enrolment.home, name) && !comes_with(log, enrolment.member_home, name);
}

}  // namespace pml::zygote
