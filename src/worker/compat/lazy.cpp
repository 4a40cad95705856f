#include "worker/compat/lazy.hpp"

#include <algorithm>
#include <string>

#include "worker/names.hpp"

namespace pml::worker::compat {

bool import_lazily(PyObject* name, PyObject* names) {
  // It is allowed in the code of a module only, so such code calls it, whoever is being run.
  static PyObject* const statement =
      Py_CompileString("declare(name, scope, None, names)", "<string>", Py_eval_input);
  const Ref scope = Ref::steal(PyDict_New());
  PyObject* const declare = pml_lazy_import_function();
  if (statement == nullptr || !scope || declare == nullptr) return false;
  const bool filled =
      PyDict_SetItemString(scope.get(), "__builtins__", PyEval_GetBuiltins()) == 0 &&
      PyDict_SetItemString(scope.get(), "declare", declare) == 0 &&
      PyDict_SetItemString(scope.get(), "name", name) == 0 &&
      PyDict_SetItemString(scope.get(), "names", names) == 0 &&
      PyDict_SetItemString(scope.get(), "scope", scope.get()) == 0;
  const Ref placeholder =
      filled ? Ref::steal(PyEval_EvalCode(statement, scope.get(), scope.get())) : Ref();
  PyDict_Clear(scope.get());
  return bool(placeholder);
}

bool is_brought_by(PyObject* object, PyObject* placeholder) {
  if (object == nullptr || !is_lazy_import(placeholder)) return false;
  // <lazy_import 'a.b'>
  const Ref text = Ref::steal(PyObject_Repr(placeholder));
  std::string path(text ? text_of(text.get()) : "");
  path.erase(0, path.find('\'') + 1);
  path.erase(std::min(path.find('\''), path.size()));
  PyErr_Clear();
  PyObject* const modules = PyImport_GetModuleDict();
  if (PyDict_GetItemString(modules, path.c_str()) == object) return true;
  const std::size_t dot = path.rfind('.');
  if (dot == std::string::npos) return false;
  PyObject* const module = PyDict_GetItemString(modules, path.substr(0, dot).c_str());
  return module != nullptr && PyModule_Check(module) != 0 &&
         PyDict_GetItemString(PyModule_GetDict(module), path.c_str() + dot + 1) == object;
}

}  // namespace pml::worker::compat
