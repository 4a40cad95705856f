#include "worker/class_watch.hpp"

#include <algorithm>
#include <unordered_set>

namespace pml::worker {

namespace {

/// Where so many are changed between two imports, it is no more looked at which names.
constexpr std::size_t k_most_changes = 256;

/// A name of a class, and what it held before it was changed: an address alone, as a reference
/// would keep the object alive. Null where nothing was there; `gone`, where nobody else has it.
/// Without a name: some of the class, and it counts as changed.
struct Change {
  PyTypeObject* type;
  Ref name;
  const PyObject* before;
  bool gone;
};

setattrofunc g_set = nullptr;                 // NOLINT: of the process; type's own
std::unordered_set<PyTypeObject*> g_classes;  // NOLINT
std::vector<Change> g_changes;                // NOLINT
bool g_paused = true;                         // NOLINT

PyObject* held_by(PyTypeObject* type, PyObject* name) {
  return type->tp_dict != nullptr ? PyDict_GetItem(type->tp_dict, name) : nullptr;
}

void note_change(PyTypeObject* type, PyObject* name) {
  for (const Change& change : g_changes)
    if (change.type == type && (!change.name || PyUnicode_Compare(change.name.get(), name) == 0))
      return;
  if (g_changes.size() >= k_most_changes) {
    g_changes.push_back({type, Ref(), nullptr, true});
    return;
  }
  PyObject* const before = held_by(type, name);
  g_changes.push_back(
      {type, Ref::borrow(name), before, before != nullptr && Py_REFCNT(before) == 1});
}

int set_in_class(PyObject* object, PyObject* name, PyObject* value) {
  auto* const type = reinterpret_cast<PyTypeObject*>(object);
  if (!g_paused && PyUnicode_CheckExact(name) != 0 && g_classes.count(type) != 0)
    note_change(type, name);
  return g_set(object, name, value);
}

std::vector<PyTypeObject*> with_subclasses(PyTypeObject* first) {
  std::vector<PyTypeObject*> found{first};
  std::unordered_set<PyTypeObject*> seen{first};
  for (std::size_t at = 0; at < found.size(); ++at) {
    const Ref more =
        Ref::steal(PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyType_Type), "__subclasses__",
                                       "O", reinterpret_cast<PyObject*>(found[at])));
    if (!more) PyErr_Clear();
    for (Py_ssize_t i = 0; more && i < PyList_Size(more.get()); ++i)
      if (auto* const type = reinterpret_cast<PyTypeObject*>(PyList_GetItem(more.get(), i));
          seen.insert(type).second)
        found.push_back(type);
  }
  return found;
}

}  // namespace

void watch_classes() {
  if (g_set != nullptr) return;
  g_set = PyType_Type.tp_setattro;
  // Those written in Python call type's by its name.
  for (PyTypeObject* const metaclass : with_subclasses(&PyType_Type))
    if (metaclass->tp_setattro == g_set) metaclass->tp_setattro = set_in_class;
  for (const char* name : {"__setattr__", "__delattr__"}) {
    const Ref method = attribute(reinterpret_cast<PyObject*>(&PyType_Type), name);
    if (!method || !Py_IS_TYPE(method.get(), &PyWrapperDescr_Type)) continue;
    auto* const descriptor = reinterpret_cast<PyWrapperDescrObject*>(method.get());
    descriptor->d_wrapped = reinterpret_cast<void*>(set_in_class);
  }
  for (PyTypeObject* const type : with_subclasses(&PyBaseObject_Type))
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0) g_classes.insert(type);
}

void settle_classes() {
  g_changes.clear();
}

void pause_classes(bool paused) {
  g_paused = paused;
}

std::vector<PyTypeObject*> changed_classes() {
  std::vector<PyTypeObject*> found;
  for (const Change& change : g_changes) {
    const bool same =
        change.name && !change.gone && held_by(change.type, change.name.get()) == change.before;
    if (!same && std::find(found.begin(), found.end(), change.type) == found.end())
      found.push_back(change.type);
  }
  g_changes.clear();
  return found;
}

}  // namespace pml::worker
