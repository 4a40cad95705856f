#include "worker/end_steps.hpp"

#include <utility>

#include "worker/compat/ending.hpp"
#include "worker/compat/objects.hpp"
#include "worker/interpreter.hpp"
#include "worker/stash.hpp"
#include "worker/uncounted_dict.hpp"

namespace pml::worker {

namespace {

/// Sets names that the job added to a dict of the interpreter's to None.
void clear_added_names(PyObject* names, PyObject* original) {
  std::vector<Ref> added;
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(names, &at, &key, &value)) {
    PyObject* before = PyDict_GetItem(original, key);
    if (before != value && value != Py_None && value != PySys_GetObject("stderr") &&
        value != PySys_GetObject("stdout"))
      added.push_back(Ref::borrow(key));
  }
  for (const Ref& name : added) {
    PyObject* before = PyDict_GetItem(original, name.get());
    PyDict_SetItem(names, name.get(), before != nullptr ? before : Py_None);
  }
}

}  // namespace

bool other_threads() {
  PyThreadState* own = PyThreadState_Get();
  PyThreadState* first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
  return first != own || PyThreadState_Next(first) != nullptr;
}

PyObject* system_dictionary() {
  return PyModule_GetDict(baseline().system.get());
}

void clear_special_names() {
  PyDict_SetItemString(PyEval_GetBuiltins(), "_", Py_None);
  for (const char* name :
       {"path", "argv", "ps1", "ps2", "last_type", "last_value", "last_traceback", "path_hooks",
        "path_importer_cache", "meta_path", "__interactivehook__"})
    PySys_SetObject(name, Py_None);
  constexpr const char* k_streams[][2] = {
      {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
  for (const auto& [name, kept] : k_streams) {
    const Ref value = Ref::borrow(PySys_GetObject(kept));
    PySys_SetObject(name, value ? value.get() : Py_None);
  }
}

std::vector<Ref> remove_modules() {
  std::vector<Ref> own;
  PyObject* modules = PyImport_GetModuleDict();
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  UncountedDict table(modules);
  while (PyDict_Next(modules, &at, &key, &value) != 0) {  // as python3 does it, on the dict itself
    if (stash().is_shared_module(value)) {
      (void)table.blank(key);
      continue;
    }
    if (!PyModule_Check(value)) continue;
    Ref weak = Ref::steal(PyWeakref_NewRef(value, nullptr));
    if (weak) own.push_back(std::move(weak));
    PyErr_Clear();
    PyDict_SetItem(modules, key, Py_None);
  }
  PyDict_Clear(modules);
  return own;
}

void clear_left_modules(const std::vector<Ref>& own) {
  for (auto weak = own.rbegin(); weak != own.rend(); ++weak) {
    const Ref module = compat::referent(weak->get());
    if (!module || module.get() == Py_None) continue;
    compat::clear_module(module.get());
  }
}

void remove_late_builtins() {
  PyObject* builtins = PyEval_GetBuiltins();
  clear_added_names(builtins, baseline().builtin_names.get());
  for (const char* name : {"open", "exit", "quit", "copyright", "credits", "license", "help", "_"})
    if (PyDict_DelItemString(builtins, name) != 0) PyErr_Clear();
}

}  // namespace pml::worker
