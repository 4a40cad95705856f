#include "worker/extension_loads.hpp"

#include <set>
#include <string>

#include "worker/compat/objects.hpp"
#include "worker/names.hpp"
#include "worker/second_load.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

PyCFunction g_create = nullptr;   // NOLINT: of the process
PyCFunction g_execute = nullptr;  // NOLINT
std::set<PyObject*> g_loaded;     // NOLINT: modules that were given out
std::set<std::string> g_anew;     // NOLINT: those that come from a copy

PyObject* create_dynamic(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const auto create = [=] {
    return reinterpret_cast<compat::FastFunction>(reinterpret_cast<void*>(g_create))(
        self, arguments, count);
  };
  const Ref name = count > 0 ? attribute(arguments[0], "name") : Ref();
  if (name && PyUnicode_Check(name.get())) {
    if (g_anew.count(std::string(text_of(name.get()))) != 0 ||
        stash().must_be_made_anew(text_of(name.get()))) {
      g_anew.insert(std::string(text_of(name.get())));
      return create_from_copy(arguments[0], create);
    }
    PyObject* const module = stash().load_apart(text_of(name.get()));
    if (module != nullptr) g_loaded.insert(module);
    if (module != nullptr || PyErr_Occurred() != nullptr) return module;
  }
  return create();
}

PyObject* exec_dynamic(PyObject* self, PyObject* module) {
  if (g_loaded.count(module) != 0) return PyLong_FromLong(0);
  return g_execute(self, module);
}

/// Puts the code in the place of the function's; the function stays the same object.
void go_round(PyObject* names, const char* name, int flags, PyCFunction instead,
              PyCFunction& original) {
  PyObject* const function = PyDict_GetItemString(names, name);
  if (function == nullptr || PyCFunction_CheckExact(function) == 0 || original != nullptr) return;
  PyMethodDef* const definition = reinterpret_cast<PyCFunctionObject*>(function)->m_ml;
  if (definition->ml_flags != flags) return;
  original = definition->ml_meth;
  definition->ml_meth = instead;
}

}  // namespace

void go_round_loaders() {
  PyObject* const module = PyDict_GetItemString(PyImport_GetModuleDict(), "_imp");
  if (module == nullptr || PyModule_Check(module) == 0) return;
  PyObject* const names = PyModule_GetDict(module);
  go_round(names, "create_dynamic", METH_FASTCALL,
           reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(create_dynamic)), g_create);
  go_round(names, "exec_dynamic", METH_O, exec_dynamic, g_execute);
}

}  // namespace pml::worker
