#include "zygote/changes/namespaces.hpp"

#include <sys/mman.h>

#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "worker/compat/lazy.hpp"
#include "worker/compat/objects.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// Bindings of modules in their packages are the stash's own business.
bool is_bound_submodule(const py::object& owner, PyObject* name, PyObject* value) {
  if (PyModule_Check(value) == 0 || PyModule_Check(owner.ptr()) == 0) return false;
  const py::object package = name_in(owner, "__name__");
  if (!py::isinstance<py::str>(package) || PyUnicode_Check(name) == 0) return false;
  const std::string child =
      std::string(py::str(package)) + "." + std::string(py::reinterpret_borrow<py::str>(name));
  return PyDict_GetItemString(modules().ptr(), child.c_str()) == value;
}

/// Whether C code of a library fills the class as its attributes are asked for, which is no change:
/// sip's, Shiboken's.
bool is_filled_lazily(PyTypeObject* type) {
  PyTypeObject* const meta = Py_TYPE(type);
  if (meta == &PyType_Type || meta->tp_getattro == PyType_Type.tp_getattro) return false;
  PyObject* const lookup =
      worker::compat::type_attribute(meta, worker::interned("__getattribute__"));
  return lookup != nullptr && Py_IS_TYPE(lookup, &PyWrapperDescr_Type) &&
         PyDescr_TYPE(lookup) != &PyType_Type && PyDescr_TYPE(lookup) != &PyBaseObject_Type;
}

}  // namespace

void* Namespaces::Pages::do_allocate(std::size_t size, std::size_t /*alignment*/) {
  void* const place =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) throw std::bad_alloc();
  return place;
}

void Namespaces::Pages::do_deallocate(void* place, std::size_t size, std::size_t /*alignment*/) {
  ::munmap(place, size);
}

Namespaces::Copy Namespaces::copy_of_items(PyObject* names) {
  Copy copy(&memory_);
  copy.reserve(static_cast<std::size_t>(PyDict_Size(names)));
  PyObject *name = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(names, &at, &name, &value) != 0;) {
    Py_INCREF(name);
    Py_INCREF(value);
    copy.emplace_back(name, value);
  }
  return copy;
}

void Namespaces::drop(const Copy& copy) {
  for (const auto& [name, value] : copy) {
    Py_DECREF(name);
    Py_DECREF(value);
  }
}

void Namespaces::clear() {
  watch_.clear();
  for (const Watched& watched : watched_) drop(watched.seen);
  watched_.clear();
  known_.clear();
  memory_.release();
}

void Namespaces::watch_one(const py::object& owner, PyObject* names, const std::string& home) {
  known_.insert(names);
  watch_.add(names);
  watched_.push_back({owner, py::reinterpret_borrow<py::dict>(names), copy_of_items(names),
                      watch_.version(names), home});
}

void Namespaces::watch(const std::string& name, const py::object& module, const std::string& home) {
  if (PyModule_Check(module.ptr()) == 0) return;
  PyObject* globals = PyModule_GetDict(module.ptr());
  watch_one(module, globals, home);
  // importlib renames its two frozen halves when it is imported; their classes keep the old name.
  const py::object later_name = name_in(module, "__name__");
  PyObject *attribute = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(globals, &at, &attribute, &value) != 0;) {
    if (PyType_Check(value) == 0) continue;
    auto* type = reinterpret_cast<PyTypeObject*>(value);
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || type->tp_dict == nullptr) continue;
    if (is_filled_lazily(type)) continue;
    // Not by asking the class: the answer would take the place of another in the interpreter's
    // cache of looked-up names, which workers would then write to.
    const auto place =
        py::reinterpret_borrow<py::object>(PyDict_GetItemString(type->tp_dict, "__module__"));
    if (!place || (!place.equal(py::str(name)) && !place.equal(later_name))) continue;
    watch_one(py::reinterpret_borrow<py::object>(value), type->tp_dict, home);
  }
}

void Namespaces::watch_object(const py::object& object) {
  const py::object names =
      PyDict_CheckExact(object.ptr()) != 0 ? object : py::getattr(object, "__dict__", py::none());
  if (PyDict_Check(names.ptr()) != 0) watch_one(object, names.ptr(), {});
}

void Namespaces::watch_registry(const py::object& dict, const std::string& home) {
  if (known_.count(dict.ptr()) == 0) watch_one(dict, dict.ptr(), home);
}

bool Namespaces::is_as_seen(const Watched& watched) {
  PyObject *name = nullptr, *value = nullptr;
  std::size_t count = 0;
  for (Py_ssize_t at = 0; PyDict_Next(watched.names.ptr(), &at, &name, &value) != 0; ++count)
    if (count >= watched.seen.size() || watched.seen[count] != std::pair(name, value)) return false;
  return count == watched.seen.size();
}

std::vector<NameChange> Namespaces::changes() {
  std::vector<NameChange> found;
  for (Watched& watched : watched_) {
    const std::uint64_t version = watch_.version(watched.names.ptr());
    if (version == watched.version) continue;
    watched.version = version;
    if (is_as_seen(watched)) continue;
    std::pmr::unordered_map<PyObject*, PyObject*> before(watched.seen.begin(), watched.seen.end(),
                                                         watched.seen.size(), &memory_);
    PyObject *name = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(watched.names.ptr(), &at, &name, &value) != 0;) {
      const auto known = before.find(name);
      const auto old =
          py::reinterpret_borrow<py::object>(known != before.end() ? known->second : nullptr);
      if (known != before.end()) before.erase(known);
      const auto now = py::reinterpret_borrow<py::object>(value);
      // What somebody has used since is a change; a submodule that was bound is none.
      const bool used = worker::compat::is_lazy_import(old.ptr());
      if (!old.is(now) && (used || !is_bound_submodule(watched.owner, name, value)))
        found.push_back(
            {watched.owner, py::reinterpret_borrow<py::object>(name), old, now, watched.home});
    }
    for (const auto& [gone, old] : before)
      found.push_back({watched.owner, py::reinterpret_borrow<py::object>(gone),
                       py::reinterpret_borrow<py::object>(old), py::object(), watched.home});
    Copy now = copy_of_items(watched.names.ptr());
    drop(watched.seen);
    watched.seen = std::move(now);
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
