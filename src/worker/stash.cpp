#include "worker/stash.hpp"

#include <algorithm>
#include <functional>

#include "worker/class_watch.hpp"
#include "worker/compat/frames.hpp"
#include "worker/compat/lazy.hpp"
#include "worker/compat/objects.hpp"
#include "worker/compat/warnings.hpp"
#include "worker/extension_loads.hpp"
#include "worker/names.hpp"
#include "worker/subclasses.hpp"

namespace pml::worker {

namespace {

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
  common_keys_.push_back(Ref::steal(PyUnicode_InternFromString(name.c_str())));
  return number;
}

PyObject* Stash::object_of(int number) const {
  const auto place = static_cast<std::size_t>(number);
  if (place < entries_.size()) return entries_[place].module.get();
  const std::size_t behind = place - entries_.size();
  return behind < common_.size() ? common_[behind].get() : nullptr;
}

PyObject* Stash::key_of(int number) const {
  const auto place = static_cast<std::size_t>(number);
  return (place < entries_.size() ? entries_[place].key : common_keys_[place - entries_.size()])
      .get();
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

/// Whether whoever brings the one brings the other, too.
bool Stash::come_together(int one, int other) const {
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    const std::vector<int>& asked = graph_.asked_by(static_cast<int>(i));
    const auto asks_for = [&asked](int wanted) {
      return std::find(asked.begin(), asked.end(), wanted) != asked.end();
    };
    if (asks_for(one) != asks_for(other)) return false;
  }
  return true;
}

bool Stash::unbind(StashEntry& entry) {
  const std::string_view name = entry.name;
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || !entry.module) return true;
  const std::string parent_name(name.substr(0, dot));
  // Importlib binds, in its package, what it has imported. Of a module that everyone has, as
  // collections.abc is one, it imports the package.
  if (entry.alias && entry.unimported) {
    const bool everyones = std::any_of(common_.begin(), common_.end(), [&](const Ref& module) {
      return module.get() == entry.module.get();
    });
    if (const auto index = find(parent_name); everyones && index) entry.parent = *index;
    return true;
  }
  Ref parent;
  if (const auto index = find(parent_name)) {
    // Who has put both into sys.modules has bound the one in the other, or not.
    if (entry.unimported && entries_[*index].unimported && come_together(*find(name), *index)) {
      entry.bound = true;
      return true;
    }
    entry.parent = *index;
    parent = entries_[*index].module;
    entry.bound = graph_.brought_by(*index).contains(*find(name));
    entry.bound |= entry.bound_before.get() == entry.module.get();
    if (entry.bound) return true;
  } else {
    const Ref key = Ref::steal(PyUnicode_FromString(parent_name.c_str()));
    parent = Ref::borrow(PyDict_GetItem(PyImport_GetModuleDict(), key.get()));
  }
  if (!parent || !PyModule_Check(parent.get())) return true;
  const Ref child = Ref::steal(PyUnicode_InternFromString(std::string(last_part(name)).c_str()));
  PyObject* names = PyModule_GetDict(parent.get());
  if (!child || PyDict_GetItem(names, child.get()) != entry.module.get()) return bool(child);
  if (entry.bound_before) return PyDict_SetItem(names, child.get(), entry.bound_before.get()) == 0;
  entry.attribute = child;
  entry.bound_late = true;
  return PyDict_DelItem(names, child.get()) == 0;
}

void Stash::note_places() {
  PyObject* const path = PySys_GetObject("path");
  for (Py_ssize_t i = 0; i < PyList_Size(path); ++i)
    base_path_.emplace_back(text_of(PyList_GetItem(path, i)));
  places_.note_finders();
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (const int package = graph_.package_of(static_cast<int>(i)); package >= 0) {
      entries_[i].package = package;
      places_.note_package(package, object_of(package));
    }
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
  note_places();
  for (const auto& one : facts_)
    if (can_change(one.first.kind)) changing_facts_.push_back(&one);
  rehearse();  // tables that have to grow for it do so once, here
  watch_audit_hooks();
  go_round_loaders();
  watch_classes();
  hide_subclasses();
  if (PyObject* const exits = preloaded("atexit"))
    calls_.exits = Ref::borrow(PyModule_GetDict(exits));
  calls_.enroll = Ref::borrow(interned("register"));
  calls_.set_lazy = attribute(PyDict_GetItemString(modules, "_imp"), "_set_lazy_attributes");
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

PyObject* Stash::find_and_load(PyObject* const* arguments, PyObject* keywords) {
  PyObject* const name = arguments[0];
  const auto index = PyUnicode_Check(name) ? find(text_of(name)) : std::nullopt;
  if (index && is_hidden(*index) && entries_[*index].module && !entries_[*index].unimported &&
      PyDict_GetItem(PyImport_GetModuleDict(), name) == nullptr && is_as_recorded(*index)) {
    const bool own_filters = guard_.warnings_changed();
    pause_classes(true);
    const bool revealed = reveal(*index);
    pause_classes(false);
    if (!revealed) return nullptr;
    guard_.settle();
    if (!own_filters) guard_.settle_warnings();
    return compat::new_reference(entries_[*index].module.get());
  }
  const compat::UncountedCall uncounted;
  return PyObject_Vectorcall(original_.get(), arguments, 2, keywords);
}

}  // namespace pml::worker
