// What the interpreter tells of itself. The hook cannot be taken away again; it does nothing then.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

#include "zygote/ahead/course.hpp"
#include "zygote/ahead/spies.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::Ref;

PyObject* argument(PyObject* arguments, Py_ssize_t place) {
  return arguments != nullptr && PyTuple_Check(arguments) && place < PyTuple_GET_SIZE(arguments)
             ? PyTuple_GET_ITEM(arguments, place)
             : nullptr;
}

/// The bytes of a str or bytes object.
std::optional<std::string> bytes_of(PyObject* object) {
  if (object == nullptr) return std::nullopt;
  const Ref bytes =
      PyUnicode_Check(object) ? Ref::steal(PyUnicode_EncodeFSDefault(object)) : Ref::borrow(object);
  if (!bytes || !PyBytes_Check(bytes.get())) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string(PyBytes_AS_STRING(bytes.get()),
                     static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())));
}

bool writes(long flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC | O_APPEND)) != 0;
}

void hear_open(PyObject* arguments) {
  PyObject* const path = argument(arguments, 0);
  PyObject* const how = argument(arguments, 2);
  const long flags = how != nullptr && PyLong_Check(how) ? PyLong_AsLong(how) : O_RDWR;
  if (path != nullptr && PyLong_Check(path)) {
    if (const long number = PyLong_AsLong(path); number >= 0 && number <= 2)
      ask(Becomes::stop, "opens descriptor " + std::to_string(number));
    return;
  }
  const auto text = bytes_of(path);
  if (!text) return ask(Becomes::stop, "opens something");
  if (writes(flags) && pml::ahead::place_of(*text) != pml::ahead::Place::nothing)
    return ask(Becomes::stop, "writes " + *text);
  note_path(*text, "reads");
}

void hear_import(PyObject* arguments) {
  const auto name = bytes_of(argument(arguments, 0));
  if (!name) return;
  const auto lists = [&](const std::vector<std::string>& all) {
    return std::find(all.begin(), all.end(), *name) != all.end();
  };
  if (lists(course().plan.worker_stops))
    ask(Becomes::stop, "import " + *name);
  else if (lists(course().plan.template_stops))
    ask(Becomes::template_stops, "import " + *name);
}

std::string described(const char* event, PyObject* arguments) {
  const auto first = bytes_of(argument(arguments, 0));
  return first ? std::string(event) + " " + *first : event;
}

int hear(const char* event, PyObject* arguments, void* /*data*/) {
  if (!listening()) return 0;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const std::string_view name(event);
  if (name == "open")
    hear_open(arguments);
  else if (name == "import")
    hear_import(arguments);
  else if (name == "ctypes.dlopen" && argument(arguments, 0) == Py_None)
    ;  // the interpreter itself
  else if (const auto becomes = pml::ahead::what_becomes_of("audit", name))
    ask(*becomes, described(event, arguments));
  PyErr_Restore(type, value, trace);
  return 0;
}

}  // namespace

void start_audit_spy() {
  (void)PySys_AddAuditHook(hear, nullptr);
}

}  // namespace pml::zygote::ahead
