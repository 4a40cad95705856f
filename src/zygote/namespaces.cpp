#include "zygote/namespaces.hpp"

#include <string>

#include "worker/compat.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::dict copy_of(PyObject* names) {
  return py::reinterpret_steal<py::dict>(PyDict_Copy(names));
}

py::object value_of(const py::dict& names, PyObject* name) {
  return py::reinterpret_borrow<py::object>(PyDict_GetItem(names.ptr(), name));
}

/// Bindings of modules in their packages are the stash's own business.
bool is_module(const py::object& value) {
  return value && PyModule_Check(value.ptr()) != 0;
}

}  // namespace

void Namespaces::watch_one(const py::object& owner, PyObject* names) {
  watched_.push_back({owner, py::reinterpret_borrow<py::dict>(names), copy_of(names),
                      worker::compat::dictionary_version(names)});
}

void Namespaces::watch(const std::string& name, const py::object& module) {
  if (PyModule_Check(module.ptr()) == 0) return;
  PyObject* globals = PyModule_GetDict(module.ptr());
  watch_one(module, globals);
  // importlib renames its two frozen halves when it is imported; their classes keep the old name.
  const py::object later_name = py::getattr(module, "__name__", py::none());
  for (const auto& [attribute, value] : copy_of(globals)) {
    if (PyType_Check(value.ptr()) == 0) continue;
    auto* type = reinterpret_cast<PyTypeObject*>(value.ptr());
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || type->tp_dict == nullptr) continue;
    const py::object home = py::getattr(value, "__module__", py::none());
    if (!home.equal(py::str(name)) && !home.equal(later_name)) continue;
    watch_one(py::reinterpret_borrow<py::object>(value), type->tp_dict);
  }
}

void Namespaces::watch_object(const py::object& object) {
  const py::object names =
      PyDict_CheckExact(object.ptr()) != 0 ? object : py::getattr(object, "__dict__", py::none());
  if (PyDict_Check(names.ptr()) != 0) watch_one(object, names.ptr());
}

std::vector<NameChange> Namespaces::changes() {
  std::vector<NameChange> found;
  for (Watched& watched : watched_) {
    const std::uint64_t version = worker::compat::dictionary_version(watched.names.ptr());
    if (version == watched.version) continue;
    const py::dict now = copy_of(watched.names.ptr());
    for (const auto& [name, value] : now) {
      const py::object before = value_of(watched.seen, name.ptr());
      if (before.ptr() == value.ptr() || is_module(py::reinterpret_borrow<py::object>(value)))
        continue;
      found.push_back({watched.owner, py::reinterpret_borrow<py::object>(name), before,
                       py::reinterpret_borrow<py::object>(value)});
    }
    for (const auto& [name, value] : watched.seen)
      if (!now.contains(name))
        found.push_back({watched.owner, py::reinterpret_borrow<py::object>(name),
                         py::reinterpret_borrow<py::object>(value), py::object()});
    watched.seen = now;
    watched.version = version;
  }
  return found;
}

void set_name(const NameChange& change, const py::object& value) {
  if (PyDict_CheckExact(change.owner.ptr()) != 0) {
    const int failed = value ? PyDict_SetItem(change.owner.ptr(), change.name.ptr(), value.ptr())
                             : PyDict_DelItem(change.owner.ptr(), change.name.ptr());
    if (failed != 0) PyErr_Clear();
    return;
  }
  if (PyObject_SetAttr(change.owner.ptr(), change.name.ptr(), value.ptr()) != 0) PyErr_Clear();
}

}  // namespace pml::zygote
