// How a hidden module comes into sight: what its import would have left, made again in order.

#include <algorithm>

#include "worker/compat/lazy.hpp"
#include "worker/compat/objects.hpp"
#include "worker/compat/warnings.hpp"
#include "worker/names.hpp"
#include "worker/second_load.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

/// Called with (names, name, function): does nothing but put the function back.
PyObject* be_passed(PyObject* what, PyObject*) {
  if (PyDict_SetItem(PyTuple_GetItem(what, 0), PyTuple_GetItem(what, 1),
                     PyTuple_GetItem(what, 2)) != 0)
    return nullptr;
  return compat::new_reference(Py_None);
}

PyMethodDef g_passed = {"passed", be_passed, METH_NOARGS, nullptr};

/// The package is about to be run for the first time in this job, but not in this process.
bool pass_first_import(const StashEntry& entry) {
  if (!entry.first_import_guard) return true;
  PyObject* const names = PyModule_GetDict(entry.module.get());
  PyObject* const name = entry.first_import_guard.get();
  PyObject* const function = PyDict_GetItem(names, name);
  if (function == nullptr) return true;
  const Ref what = Ref::steal(PyTuple_Pack(3, names, name, function));
  const Ref passed = Ref::steal(PyCFunction_New(&g_passed, what.get()));
  return passed && PyDict_SetItem(names, name, passed.get()) == 0;
}

}  // namespace

/// Who is there under the package's name; borrowed, null where nobody is.
PyObject* Stash::parent_of(const StashEntry& entry) const {
  const std::size_t dot = entry.name.rfind('.');
  if (dot == std::string::npos) return nullptr;
  const Ref name =
      Ref::steal(PyUnicode_FromStringAndSize(entry.name.data(), static_cast<Py_ssize_t>(dot)));
  return name ? PyDict_GetItem(PyImport_GetModuleDict(), name.get()) : nullptr;
}

bool Stash::bind_to_parent(const StashEntry& entry) {
  if (entry.bound) return true;
  // Importlib has not bound it.
  if (entry.unimported && (entry.alias || !entry.bound_late)) return true;
  PyObject* const parent = parent_of(entry);
  if (parent == nullptr) return !PyErr_Occurred();
  const ImportGuard::OwnChange own(guard_, entry.package);
  const std::string child(last_part(entry.name));
  if (PyModule_Check(parent) && Py_TYPE(parent)->tp_setattro == PyModule_Type.tp_setattro) {
    PyObject* const names = PyModule_GetDict(parent);
    PyObject* const now = PyDict_GetItemString(names, child.c_str());
    if (now == entry.module.get()) return true;  // one module under two names
    if (now == nullptr && entry.bound_late)
      return UncountedDict(names).put(entry.attribute.get(), entry.module.get());
  }
  return PyObject_SetAttrString(parent, child.c_str(), entry.module.get()) == 0;
}

/// A package that is being run again has none of the names that its first run left.
bool Stash::bind_to_new_parent(const StashEntry& entry) const {
  PyObject* const parent = parent_of(entry);
  const std::string child(last_part(entry.name));
  return parent == nullptr ||
         PyObject_SetAttrString(parent, child.c_str(), entry.module.get()) == 0;
}

namespace {

/// The dict that an assignment to a name of it ends in; null where more than that happens.
PyObject* names_of(PyObject* owner) {
  if (PyDict_CheckExact(owner) != 0) return owner;
  const bool plain =
      PyModule_Check(owner) != 0 && Py_TYPE(owner)->tp_setattro == PyModule_Type.tp_setattro;
  return plain ? PyModule_GetDict(owner) : nullptr;
}

/// Takes the first item that is `item` or equals it out of the list.
void remove_item(PyObject* list, PyObject* item) {
  const Py_ssize_t at = PySequence_Index(list, item);
  if (at < 0 || PySequence_DelItem(list, at) != 0) PyErr_Clear();
}

/// With a reference that is there already.
bool insert(PyObject* list, Py_ssize_t at, PyObject* item) {
  if (PyList_Insert(list, at, Py_None) != 0) return false;
  PyList_SET_ITEM(list, at, item);
  Py_DECREF(Py_None);
  return true;
}

bool apply(const NameEdit& change) {
  PyObject* const names = names_of(change.owner.get());
  if (names == nullptr)
    return PyObject_SetAttr(change.owner.get(), change.name.get(), change.value.get()) == 0;
  if (!change.value) return PyDict_DelItem(names, change.name.get()) == 0;
  return UncountedDict(names).put(change.name.get(), change.value.get());
}

/// The program may have put another in its place, as warnings.catch_warnings does.
PyObject* list_of(const ListEdit& edit) {
  PyObject* const now = edit.home ? PyDict_GetItem(edit.home.get(), edit.name.get()) : nullptr;
  return now != nullptr && PyList_CheckExact(now) != 0 ? now : edit.list.get();
}

}  // namespace

bool Stash::apply_edits(const StashEntry& entry) {
  for (const ListEdit& edit : entry.edits) {
    PyObject* const list = list_of(edit);
    for (const Ref& item : edit.removed) remove_item(list, item.get());
    for (std::size_t i = 0; i < edit.front.size(); ++i)
      if (!insert(list, static_cast<Py_ssize_t>(i), edit.front[i].get())) return false;
    for (const Ref& item : edit.back)
      if (!insert(list, PyList_Size(list), item.get())) return false;
  }
  if (!entry.edits.empty()) compat::tell_filters_changed();
  for (const NameEdit& change : entry.changes) {
    const ImportGuard::OwnChange own(guard_, names_of(change.owner.get()));
    if (!apply(change)) PyErr_Clear();
  }
  for (const Renewal& renewal : entry.renewals) {
    Ref value = Ref::steal(PyObject_CallNoArgs(renewal.source.get()));
    if (!value) {
      PyErr_Clear();
      value = Ref::borrow(Py_None);
    }
    const ImportGuard::OwnChange own(guard_, names_of(renewal.owner.get()));
    if (PyObject_GenericSetAttr(renewal.owner.get(), renewal.name.get(), value.get()) != 0)
      return false;
  }
  for (const Call& call : entry.calls)
    if (!Ref::steal(PyObject_Call(call.function.get(), call.arguments.get(), call.keywords.get())))
      return false;
  for (const Ref& generator : entry.generators)
    if (!call_method(generator.get(), "seed")) return false;
  for (const Ref& logger : entry.loggers)
    if (!Ref::steal(PyObject_CallOneArg(entry.show_logger.get(), logger.get()))) return false;
  if (entry.exit_calls.empty()) return true;
  PyObject* const enroll =
      calls_.exits ? PyDict_GetItem(calls_.exits.get(), calls_.enroll.get()) : nullptr;
  return std::all_of(
      entry.exit_calls.begin(), entry.exit_calls.end(), [enroll](const ExitCall& call) {
        return enroll != nullptr &&
               Ref::steal(PyObject_Call(enroll, call.arguments.get(), call.keywords.get()));
      });
}

namespace {

/// The attribute of a module that has been imported to its end; borrowed, or null.
PyObject* what_is_there(const LazyName& lazy) {
  PyObject* const module = PyDict_GetItem(PyImport_GetModuleDict(), lazy.source.get());
  if (module == nullptr || PyModule_Check(module) == 0) return nullptr;
  const Ref spec = attribute(module, "__spec__");
  const Ref busy = attribute(spec.get(), "_initializing");
  if (busy && PyObject_IsTrue(busy.get()) != 0) return nullptr;
  PyObject* const value = PyDict_GetItem(PyModule_GetDict(module), lazy.attribute.get());
  return compat::is_lazy_import(value) ? nullptr : value;
}

/// `lazy from` binds what a module that is there holds, instead of what stands for it.
bool bind_what_is_there(const StashEntry& entry, ImportGuard& guard) {
  if (entry.lazy_names.empty()) return true;
  PyObject* const names = PyModule_GetDict(entry.module.get());
  const ImportGuard::OwnChange own(guard, names);
  for (const LazyName& lazy : entry.lazy_names) {
    PyObject* const value = what_is_there(lazy);
    if (value != nullptr && PyDict_SetItem(names, lazy.name.get(), value) != 0) return false;
  }
  return true;
}

}  // namespace

/// As the import system does with each module that it has loaded.
bool Stash::settle_laziness(const StashEntry& entry) const {
  if (!calls_.set_lazy) return true;
  return bool(Ref::steal(PyObject_CallFunctionObjArgs(calls_.set_lazy.get(), entry.module.get(),
                                                      entry.key.get(), nullptr)));
}

/// What has fallen is asked for by shared objects alone, whose loaders run nothing again: what they
/// wrote into other modules stands in those that they wrote it into, and what they put into
/// sys.modules themselves nobody else makes.
bool Stash::reveal_requests(int index) {
  for (const int request : graph_.asked_by(index)) {
    if (static_cast<std::size_t>(request) >= entries_.size()) continue;
    const bool wrote = entries_[index].written.count(entries_[request].name) != 0;
    const bool fallen = states_[request] == EntryState::fallen;
    const bool gone = fallen || states_[request] == EntryState::apart;
    if ((fallen && wrote) || (gone && entries_[request].unimported)) {
      states_[request] = EntryState::hidden;
      if (!reveal(request) || (wrote && !bind_to_new_parent(entries_[request]))) return false;
    }
    if (states_[request] == EntryState::hidden && !reveal(request)) return false;
    if (!gone || states_[request] == EntryState::shown) continue;
    if (!entries_[request].module) continue;
    if (!Ref::steal(PyImport_Import(entries_[request].key.get()))) return false;
  }
  return true;
}

bool Stash::reveal(int index) {
  StashEntry& entry = entries_[index];
  if (states_[index] != EntryState::hidden) return true;
  // The package comes first, and may itself have asked for this module.
  if (entry.module && entry.parent >= 0 && !reveal(entry.parent)) return false;
  if (states_[index] != EntryState::hidden) return true;
  states_[index] = EntryState::shown;
  if (!bind_what_is_there(entry, guard_) || !reveal_requests(index)) return false;
  if (!entry.module) return true;  // a fresh import would have tried it
  // A module moves to the end of sys.modules when its import is done.
  return put_in_table(entry) && bind_to_parent(entry) && settle_laziness(entry) &&
         apply_edits(entry);
}

bool Stash::put_in_table(const StashEntry& entry) {
  PyObject* const modules = PyImport_GetModuleDict();
  if (PyDict_GetItem(modules, entry.key.get()) != nullptr) return true;
  if (entry.module.get() == main_.get())  // multiprocessing's __mp_main__
    return PyDict_SetItem(modules, entry.key.get(), PyImport_AddModule("__main__")) == 0;
  return table_->put(entry.key.get(), entry.module.get());
}

bool Stash::must_be_made_anew(std::string_view name) {
  const auto index = find(name);
  if (!index || states_[*index] != EntryState::apart) return false;
  const StashEntry& entry = entries_[*index];
  const std::vector<int>& asked = graph_.asked_by(*index);
  const bool took = std::any_of(asked.begin(), asked.end(), [this](int request) {
    return static_cast<std::size_t>(request) < entries_.size() && entries_[request].module &&
           !entries_[request].extension;
  });
  if (!took || !bears_second_load(entry.module.get(), entry.foreign)) return false;
  states_[*index] = EntryState::fallen;
  return true;
}

PyObject* Stash::load_apart(std::string_view name) {
  const auto index = find(name);
  if (!index || states_[*index] != EntryState::apart || !entries_[*index].foreign) return nullptr;
  StashEntry& entry = entries_[*index];
  states_[*index] = EntryState::shown;
  if (!reveal_requests(*index) || !apply_edits(entry)) return nullptr;
  const ImportGuard::OwnChange own(guard_, *index);
  if (!pass_first_import(entry)) return nullptr;
  return compat::new_reference(entry.module.get());
}

}  // namespace pml::worker
