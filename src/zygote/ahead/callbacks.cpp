#include "zygote/ahead/callbacks.hpp"

#include <algorithm>
#include <string>

#include "worker/interpreter.hpp"
#include "zygote/ahead/course.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

/// Weak dictionaries and sets, and import locks, give a function of their own; logging has a name
/// for the one of its handlers. Not what these modules have for everybody, such as logging.warning.
bool is_own_function(const std::string& module, const std::string& name) {
  constexpr const char* k_modules[] = {"weakref", "_weakrefset", "importlib._bootstrap",
                                       "_frozen_importlib"};
  if (module == "logging") return name == "_removeHandlerRef";
  return name.find(".<locals>.") != std::string::npos &&
         std::any_of(std::begin(k_modules), std::end(k_modules),
                     [&module](const char* one) { return module == one; });
}

/// Dead by the time that anything is taken apart.
bool is_finalize(PyObject* callback, const std::string& module) {
  const Ref name = attribute(reinterpret_cast<PyObject*>(Py_TYPE(callback)), "__qualname__");
  return module == "weakref" && text_of(name.get()) == "finalize";
}

/// A method of a container, or what C code gives to its own weak references: of abstract base
/// classes, weak dictionaries, pybind11's types. Not print, and no method of a file.
bool is_plain_function(PyObject* function) {
  PyObject* const self = PyCFunction_GetSelf(function);
  if (self == nullptr) return true;
  if (PyModule_Check(self) != 0) return text_of(attribute(self, "__name__").get()) == "_weakref";
  return PyDict_CheckExact(self) || PyList_CheckExact(self) || Py_IS_TYPE(self, &PySet_Type) ||
         PyWeakref_Check(self) || PyCapsule_CheckExact(self);
}

bool is_plain(PyObject* callback);

/// What the function calls without knowing it, as WeakMethod's calls the one that it was given.
bool holds_plain(PyObject* values, PyObject* (*value_of)(PyObject*)) {
  for (Py_ssize_t i = 0; values != nullptr && i < PyTuple_GET_SIZE(values); ++i) {
    PyObject* const value = value_of(PyTuple_GET_ITEM(values, i));
    if (value != nullptr && PyCallable_Check(value) != 0 && !PyWeakref_Check(value) &&
        !is_plain(value))
      return false;
  }
  return true;
}

PyObject* contents_of(PyObject* cell) {
  return PyCell_Check(cell) ? PyCell_GET(cell) : nullptr;
}

PyObject* itself(PyObject* value) {
  return value;
}

bool is_plain(PyObject* callback) {
  const std::string module = text_of(attribute(callback, "__module__").get());
  const std::string name = text_of(attribute(callback, "__qualname__").get());
  if (is_allowed("calls back " + module + ":" + name)) return true;
  if (PyCFunction_Check(callback) != 0) return is_plain_function(callback);
  if (!PyFunction_Check(callback)) return is_finalize(callback, module);
  if (!is_own_function(module, name)) return false;
  return holds_plain(PyFunction_GetClosure(callback), contents_of) &&
         holds_plain(PyFunction_GetDefaults(callback), itself);
}

}  // namespace

bool calls_back_unnoticed(PyObject* reference) {
  const Ref callback = attribute(reference, "__callback__");
  return !callback || callback.get() == Py_None || is_plain(callback.get());
}

}  // namespace pml::zygote::ahead
