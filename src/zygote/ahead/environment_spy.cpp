#include "zygote/ahead/course.hpp"
#include "zygote/ahead/spies.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

struct EnvironmentSpy {
  Ref environ, original;
};

EnvironmentSpy& environment_spy() {
  static auto* const instance = new EnvironmentSpy;
  return *instance;
}

std::string bytes_in(PyObject* name) {
  return PyBytes_Check(name) != 0 ? std::string(PyBytes_AS_STRING(name),
                                                static_cast<std::size_t>(PyBytes_GET_SIZE(name)))
                                  : std::string();
}

void hear_variable(PyObject* key) {
  if (!listening() || PyBytes_Check(key) == 0) return;
  std::string name = bytes_in(key);
  if (course().own_variables.count(name) == 0) note(FactKind::variable, 0, std::move(name));
}

void hear_all() {
  if (listening()) note(FactKind::every_variable);
}

PyObject* item(PyObject* self, PyObject* key) {
  hear_variable(key);
  return PyDict_Type.tp_as_mapping->mp_subscript(self, key);
}

int contains(PyObject* self, PyObject* key) {
  hear_variable(key);
  return PyDict_Contains(self, key);
}

Py_ssize_t length(PyObject* self) {
  hear_all();
  return PyDict_Type.tp_as_mapping->mp_length(self);
}

PyObject* iterate(PyObject* self) {
  hear_all();
  return PyDict_Type.tp_iter(self);
}

int assign(PyObject* self, PyObject* key, PyObject* value) {
  if (listening() && PyBytes_Check(key) != 0) {
    if (value == nullptr) hear_variable(key);  // an error where there is none
    std::string name = bytes_in(key);
    course().own_variables.insert(name);
    course().python_changes.push_back(
        {std::move(name), value != nullptr ? std::optional(bytes_in(value)) : std::nullopt});
  }
  return PyDict_Type.tp_as_mapping->mp_ass_subscript(self, key, value);
}

/// All other methods of a dict look at more than one variable, or might.
PyObject* look_up(PyObject* self, PyObject* name) {
  hear_all();
  return PyObject_GenericGetAttr(self, name);
}

PyType_Slot g_slots[] = {{Py_tp_base, &PyDict_Type},
                         {Py_mp_subscript, reinterpret_cast<void*>(item)},
                         {Py_mp_ass_subscript, reinterpret_cast<void*>(assign)},
                         {Py_mp_length, reinterpret_cast<void*>(length)},
                         {Py_sq_contains, reinterpret_cast<void*>(contains)},
                         {Py_tp_iter, reinterpret_cast<void*>(iterate)},
                         {Py_tp_getattro, reinterpret_cast<void*>(look_up)},
                         {0, nullptr}};
PyType_Spec g_spec = {"builtins.dict", 0, 0, Py_TPFLAGS_DEFAULT, g_slots};

}  // namespace

void start_environment_spy() {
  EnvironmentSpy& own = environment_spy();
  const Ref os = Ref::steal(PyImport_ImportModule("os"));
  own.environ = attribute(os.get(), "environ");
  own.original = attribute(own.environ.get(), "_data");
  const Ref type = Ref::steal(PyType_FromSpec(&g_spec));
  if (type) reinterpret_cast<PyTypeObject*>(type.get())->tp_name = "dict";  // as its repr says it
  const Ref dict = type && own.original
                       ? Ref::steal(PyObject_CallOneArg(type.get(), own.original.get()))
                       : Ref();
  if (dict) PyObject_SetAttrString(own.environ.get(), "_data", dict.get());
  PyErr_Clear();
}

void lift_environment_spy() {
  EnvironmentSpy& own = environment_spy();
  if (own.environ && own.original)
    PyObject_SetAttrString(own.environ.get(), "_data", own.original.get());
  PyErr_Clear();
  own = {};
}

}  // namespace pml::zygote::ahead
