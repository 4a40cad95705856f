#include "worker/subclasses.hpp"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "worker/names.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

PyCFunction g_subclasses = nullptr;              // NOLINT: of the process
std::unordered_map<PyObject*, int> g_preloaded;  // NOLINT: classes, by the entry they are part of

PyObject* subclasses(PyObject* type, PyObject* nothing) {
  PyObject* const all = g_subclasses(type, nothing);
  if (all == nullptr || PyList_Check(all) == 0) return all;
  for (Py_ssize_t i = PyList_GET_SIZE(all); i-- > 0;) {
    const auto found = g_preloaded.find(PyList_GET_ITEM(all, i));
    if (found != g_preloaded.end() && !stash().is_shown(found->second))
      PyList_SetSlice(all, i, i + 1, nullptr);
  }
  return all;
}

/// Past what its metaclass does about look-ups.
std::string_view module_of(PyObject* type) {
  PyObject* const name = PyType_Type.tp_getattro(type, interned("__module__"));
  if (name == nullptr) PyErr_Clear();
  const Ref held = Ref::steal(name);
  // The class keeps it, or the interpreter does.
  return held && PyUnicode_Check(held.get()) != 0 && Py_REFCNT(held.get()) > 1 ? text_of(held.get())
                                                                               : std::string_view();
}

/// Which entry a class belongs to by the name of its module; none where everyone has it, as those
/// of _collections_abc, which say that they are of collections.abc.
class Owners {
 public:
  Owners() {
    PyObject *key = nullptr, *module = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;) {
      everyones_.insert(module);
      if (PyModule_Check(module) != 0) add_classes_in(PyModule_GetDict(module));
    }
    for (std::size_t i = 0; i < stash().size(); ++i)
      if (const StashEntry& entry = stash().at(static_cast<int>(i)); entry.module && !entry.alias)
        owners_.emplace(entry.module.get(), static_cast<int>(i));
  }
  [[nodiscard]] std::optional<int> of(PyObject* type, int index) const {
    PyObject* const module = stash().at(index).module.get();
    if (everyones_.count(module) != 0 || everyones_.count(type) != 0) return std::nullopt;
    const auto owner = owners_.find(module);
    return owner != owners_.end() ? owner->second : index;
  }

 private:
  void add_classes_in(PyObject* names) {
    PyObject *name = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(names, &at, &name, &value) != 0;)
      if (PyType_Check(value) != 0) everyones_.insert(value);
  }

  std::unordered_set<PyObject*> everyones_;  // modules and classes
  std::unordered_map<PyObject*, int> owners_;
};

void note_classes() {
  const Owners owners;
  std::vector<Ref> open{Ref::borrow(reinterpret_cast<PyObject*>(&PyBaseObject_Type))};
  std::unordered_map<PyObject*, bool> seen;
  while (!open.empty()) {
    const Ref type = std::move(open.back());
    open.pop_back();
    if (!seen.try_emplace(type.get(), true).second) continue;
    if (const auto entry = stash().find(module_of(type.get())))
      if (const auto owner = owners.of(type.get(), *entry)) g_preloaded[type.get()] = *owner;
    const Ref more = Ref::steal(g_subclasses(type.get(), nullptr));
    if (!more) PyErr_Clear();
    for (Py_ssize_t i = 0; more && i < PyList_Size(more.get()); ++i)
      open.push_back(Ref::borrow(PyList_GetItem(more.get(), i)));
  }
}

}  // namespace

void hide_subclasses() {
  // Asked as an attribute: from 3.12 on the interpreter's own types hold no dict.
  const Ref method = attribute(reinterpret_cast<PyObject*>(&PyType_Type), "__subclasses__");
  if (!method || !Py_IS_TYPE(method.get(), &PyMethodDescr_Type) || g_subclasses != nullptr) return;
  PyMethodDef* const definition = reinterpret_cast<PyMethodDescrObject*>(method.get())->d_method;
  if (definition->ml_flags != METH_NOARGS) return;
  g_subclasses = definition->ml_meth;
  note_classes();
  definition->ml_meth = subclasses;
}

}  // namespace pml::worker
