#include "worker/stash.hpp"

#include <algorithm>
#include <functional>

#include "worker/compat/frames.hpp"
#include "worker/compat/lazy.hpp"
#include "worker/compat/objects.hpp"
#include "worker/compat/warnings.hpp"
#include "worker/extension_loads.hpp"
#include "worker/names.hpp"
#include "worker/subclasses.hpp"

namespace pml::worker {

namespace {

/// Takes the first item that is `item` or equals it out of the list.
void remove_item(PyObject* list, PyObject* item) {
  const Py_ssize_t at = PySequence_Index(list, item);
  if (at < 0 || PySequence_DelItem(list, at) != 0) PyErr_Clear();
}

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

PyObject* find_and_load_hook(PyObject*, PyObject* const* arguments, Py_ssize_t count,
                             PyObject* keywords) {
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "_find_and_load() takes 2 positional arguments");
    return nullptr;
  }
  return stash().find_and_load(arguments, keywords);
}

PyMethodDef g_hook = {
    "_find_and_load",
    reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(find_and_load_hook)),
    METH_FASTCALL | METH_KEYWORDS, nullptr};

}  // namespace

Stash& stash() {
  static auto* const instance = new Stash;  // must outlive the interpreter's own end
  return *instance;
}

PyObject* preloaded(const char* name) {
  const auto index = stash().find(name);
  if (index) return stash().at(*index).module.get();
  return PyDict_GetItemString(PyImport_GetModuleDict(), name);
}

int Stash::add(StashEntry entry) {
  const int index = graph_.number_of(entry.name);
  index_.emplace(entry.name, index);
  by_top_level_[std::string(top_level(entry.name))].push_back(index);
  note_shared(entry.module.get());
  entries_.push_back(std::move(entry));
  states_.push_back(EntryState::hidden);
  return index;
}

int Stash::add_common(const std::string& name, PyObject* module) {
  const int number = graph_.number_of(name);
  common_.push_back(Ref::borrow(module));
  guard_.show(number, Ref::steal(PyUnicode_InternFromString(name.c_str())), module);
  return number;
}

PyObject* Stash::object_of(int number) const {
  const auto place = static_cast<std::size_t>(number);
  if (place < entries_.size()) return entries_[place].module.get();
  const std::size_t behind = place - entries_.size();
  return behind < common_.size() ? common_[behind].get() : nullptr;
}

bool Stash::has_set(PyObject* owner, PyObject* name, PyObject* value) const {
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (states_[i] == EntryState::shown)
      for (const NameEdit& change : entries_[i].changes)
        if (change.owner.get() == owner && change.value.get() == value &&
            PyUnicode_Compare(change.name.get(), name) == 0)
          return true;
  return false;
}

void Stash::note_shared(PyObject* module) {
  if (module != nullptr && PyModule_Check(module)) shared_modules_.insert(module);
}

std::optional<int> Stash::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

bool Stash::unbind(StashEntry& entry) {
  const std::string_view name = entry.name;
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || !entry.module) return true;
  const std::string parent_name(name.substr(0, dot));
  // Importlib binds a module, in its package, under its own name only. Of a module that everyone
  // has, as collections.abc is one, it imports the package.
  if (entry.alias) {
    const bool everyones = std::any_of(common_.begin(), common_.end(), [&](const Ref& module) {
      return module.get() == entry.module.get();
    });
    if (const auto index = find(parent_name); everyones && index) entry.parent = *index;
    return true;
  }
  Ref parent;
  if (const auto index = find(parent_name)) {
    entry.parent = *index;
    parent = entries_[*index].module;
    entry.bound = graph_.brought_by(*index).contains(*find(name));
    if (entry.bound) return true;
  } else {
    const Ref key = Ref::steal(PyUnicode_FromString(parent_name.c_str()));
    parent = Ref::borrow(PyDict_GetItem(PyImport_GetModuleDict(), key.get()));
  }
  if (!parent || !PyModule_Check(parent.get())) return true;
  const Ref child = Ref::steal(PyUnicode_InternFromString(std::string(last_part(name)).c_str()));
  PyObject* names = PyModule_GetDict(parent.get());
  if (!child || PyDict_GetItem(names, child.get()) != entry.module.get()) return bool(child);
  entry.attribute = child;
  entry.bound_late = true;
  return PyDict_DelItem(names, child.get()) == 0;
}

bool Stash::hide(PyObject* original) {
  original_ = Ref::borrow(original);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].once) imported_once_.merge(graph_.falling_with(static_cast<int>(i)));
  main_ = Ref::borrow(PyImport_AddModule("__main__"));
  PyObject* modules = PyImport_GetModuleDict();
  for (StashEntry& entry : entries_)
    if (!unbind(entry)) return false;
  for (const StashEntry& entry : entries_) {
    if (!entry.module) continue;
    for (const NameEdit& change : entry.changes) Py_XINCREF(change.value.get());
    for (const ListEdit& edit : entry.edits)
      for (const std::vector<Ref>& items : {std::cref(edit.front), std::cref(edit.back)})
        for (const Ref& item : items) Py_INCREF(item.get());
    // The references that sys.modules and the package will hold.
    Py_INCREF(entry.module.get());
    if (entry.bound_late) Py_INCREF(entry.module.get());
    if (PyDict_DelItem(modules, entry.key.get()) != 0) PyErr_Clear();
  }
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &key, &module) != 0;)
    if (text_of(key) != "__main__") note_shared(module);
  table_.emplace(modules);
  PyObject* path = PySys_GetObject("path");
  for (Py_ssize_t i = 0; i < PyList_Size(path); ++i)
    base_path_.emplace_back(text_of(PyList_GetItem(path, i)));
  PyObject* finders = PySys_GetObject("meta_path");
  for (Py_ssize_t i = 0; i < PyList_Size(finders); ++i)
    base_finders_.push_back(Ref::borrow(PyList_GetItem(finders, i)));
  rehearse();  // tables that have to grow for it do so once, here
  watch_audit_hooks();
  go_round_loaders();
  hide_subclasses();
  if (PyObject* const exits = preloaded("atexit"))
    exit_names_ = Ref::borrow(PyModule_GetDict(exits));
  enroll_name_ = Ref::borrow(interned("register"));
  set_lazy_ = attribute(PyDict_GetItemString(modules, "_imp"), "_set_lazy_attributes");
  const Ref bootstrap = Ref::steal(PyImport_ImportModule("_frozen_importlib"));
  const Ref hook = Ref::steal(PyCFunction_New(&g_hook, nullptr));
  const bool hooked = bootstrap && hook &&
                      PyObject_SetAttrString(bootstrap.get(), "_find_and_load", hook.get()) == 0;
  guard_.record();
  return hooked;
}

void Stash::rehearse() {
  PyObject* const modules = PyImport_GetModuleDict();
  std::vector<std::pair<PyObject*, PyObject*>> added;  // dict, key
  const auto add = [&added](PyObject* dict, const Ref& key) {
    if (PyDict_Contains(dict, key.get()) == 0) added.emplace_back(dict, key.get());
  };
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const StashEntry& entry = entries_[i];
    // What a module imported after the fork asked for is hidden no longer.
    if (!entry.module || !is_hidden(static_cast<int>(i))) continue;
    add(modules, entry.key);
    if (!entry.bound_late) continue;
    PyObject* const parent =
        entry.parent >= 0 ? entries_[entry.parent].module.get() : parent_of(entry);
    if (parent != nullptr && PyModule_Check(parent)) add(PyModule_GetDict(parent), entry.attribute);
  }
  for (const auto& [dict, key] : added) PyDict_SetItem(dict, key, Py_None);
  for (const auto& [dict, key] : added) PyDict_DelItem(dict, key);
  PyErr_Clear();
}

/// Who is there under the package's name; borrowed, null where nobody is.
PyObject* Stash::parent_of(const StashEntry& entry) const {
  const std::size_t dot = entry.name.rfind('.');
  if (dot == std::string::npos) return nullptr;
  const Ref name =
      Ref::steal(PyUnicode_FromStringAndSize(entry.name.data(), static_cast<Py_ssize_t>(dot)));
  return name ? PyDict_GetItem(PyImport_GetModuleDict(), name.get()) : nullptr;
}

bool Stash::bind_to_parent(const StashEntry& entry) {
  if (entry.bound || entry.alias) return true;
  PyObject* const parent = parent_of(entry);
  if (parent == nullptr) return !PyErr_Occurred();
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

}  // namespace

bool Stash::apply_edits(const StashEntry& entry) {
  for (const ListEdit& edit : entry.edits) {
    for (const Ref& item : edit.removed) remove_item(edit.list.get(), item.get());
    for (std::size_t i = 0; i < edit.front.size(); ++i)
      if (!insert(edit.list.get(), static_cast<Py_ssize_t>(i), edit.front[i].get())) return false;
    for (const Ref& item : edit.back)
      if (!insert(edit.list.get(), PyList_Size(edit.list.get()), item.get())) return false;
  }
  if (!entry.edits.empty()) compat::tell_filters_changed();
  for (const NameEdit& change : entry.changes)
    if (!apply(change)) PyErr_Clear();
  for (const Renewal& renewal : entry.renewals) {
    Ref value = Ref::steal(PyObject_CallNoArgs(renewal.source.get()));
    if (!value) {
      PyErr_Clear();
      value = Ref::borrow(Py_None);
    }
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
      exit_names_ ? PyDict_GetItem(exit_names_.get(), enroll_name_.get()) : nullptr;
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
bool bind_what_is_there(const StashEntry& entry) {
  for (const LazyName& lazy : entry.lazy_names) {
    PyObject* const value = what_is_there(lazy);
    if (value != nullptr &&
        PyDict_SetItem(PyModule_GetDict(entry.module.get()), lazy.name.get(), value) != 0)
      return false;
  }
  return true;
}

}  // namespace

/// As the import system does with each module that it has loaded.
bool Stash::settle_laziness(const StashEntry& entry) const {
  if (!set_lazy_) return true;
  return bool(Ref::steal(
      PyObject_CallFunctionObjArgs(set_lazy_.get(), entry.module.get(), entry.key.get(), nullptr)));
}

/// What has fallen is asked for by shared objects alone, whose loaders run nothing again: what they
/// wrote into other modules stands in those that they wrote it into.
bool Stash::reveal_requests(int index) {
  for (const int request : graph_.asked_by(index)) {
    if (static_cast<std::size_t>(request) >= entries_.size()) continue;
    if (states_[request] == EntryState::fallen &&
        entries_[index].written.count(entries_[request].name) != 0) {
      states_[request] = EntryState::hidden;
      if (!reveal(request) || !bind_to_new_parent(entries_[request])) return false;
    }
    if (states_[request] == EntryState::hidden && !reveal(request)) return false;
    if (states_[request] != EntryState::fallen || !entries_[request].module) continue;
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
  if (!bind_what_is_there(entry) || !reveal_requests(index)) return false;
  if (!entry.module) return true;  // a fresh import would have tried it
  guard_.show(index, entry.key, entry.module.get());
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

PyObject* Stash::find_and_load(PyObject* const* arguments, PyObject* keywords) {
  PyObject* const name = arguments[0];
  const auto index = PyUnicode_Check(name) ? find(text_of(name)) : std::nullopt;
  if (index && is_hidden(*index) && entries_[*index].module && !entries_[*index].unimported &&
      PyDict_GetItem(PyImport_GetModuleDict(), name) == nullptr && is_as_recorded(*index)) {
    if (!reveal(*index)) return nullptr;
    guard_.settle();
    return compat::new_reference(entries_[*index].module.get());
  }
  const compat::UncountedCall uncounted;
  return PyObject_Vectorcall(original_.get(), arguments, 2, keywords);
}

PyObject* Stash::load_apart(std::string_view name) {
  const auto index = find(name);
  if (!index || states_[*index] != EntryState::apart || !entries_[*index].foreign) return nullptr;
  StashEntry& entry = entries_[*index];
  states_[*index] = EntryState::shown;
  guard_.show(*index, entry.key, entry.module.get());
  if (!reveal_requests(*index) || !apply_edits(entry) || !pass_first_import(entry)) return nullptr;
  return compat::new_reference(entry.module.get());
}

}  // namespace pml::worker
