#include "worker/compat/lazy.hpp"

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

}  // namespace pml::worker::compat
