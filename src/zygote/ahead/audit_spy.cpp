// What the interpreter tells of itself. The hook cannot be taken away again; it does nothing then.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "ahead/compiled.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/spies.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::Ref;

PyObject* argument(PyObject* arguments, Py_ssize_t place) {
  return arguments != nullptr && PyTuple_Check(arguments) && place < PyTuple_GET_SIZE(arguments)
             ? PyTuple_GET_ITEM(arguments, place)
             : nullptr;
}

/// The bytes of a str, bytes or path object.
std::optional<std::string> path_bytes(PyObject* object) {
  if (object == nullptr) return std::nullopt;
  const Quiet quiet;
  const Ref path = Ref::steal(PyOS_FSPath(object));
  PyErr_Clear();
  if (!path) return std::nullopt;
  const Ref bytes = PyUnicode_Check(path.get()) ? Ref::steal(PyUnicode_EncodeFSDefault(path.get()))
                                                : Ref::borrow(path.get());
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

/// Opening it leaves nothing behind, then.
bool fails_for_want_of_folder(const std::string& path, long flags) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return false;
  const std::string folder = (flags & O_TMPFILE) == O_TMPFILE ? path : path.substr(0, slash);
  struct stat info = {};
  return ::stat(folder.c_str(), &info) != 0 && errno == ENOENT;
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
  const auto text = path_bytes(path);
  if (!text) return ask(Becomes::stop, "opens something");
  if (writes(flags) && pml::ahead::place_of(*text) != pml::ahead::Place::nothing &&
      !fails_for_want_of_folder(*text, flags)) {
    ask(Becomes::stop, "writes " + *text);
    if (listening()) course().own_files.insert(*text);  // a line of config/ahead allows it
    return;
  }
  note_path(*text, "reads");
}

void hear_import(PyObject* arguments) {
  const auto name = path_bytes(argument(arguments, 0));
  if (!name) return;
  look_at_what_comes();
  note_imported(*name);
  const auto lists = [&](const std::vector<std::string>& all) {
    return std::find(all.begin(), all.end(), *name) != all.end();
  };
  if (lists(course().plan.worker_stops))
    ask(Becomes::stop, "import " + *name);
  else if (lists(course().plan.template_stops))
    ask(Becomes::template_stops, "import " + *name);
}

/// Its functions are still to be called.
void hear_library(PyObject* arguments, const std::string& what) {
  const auto path = path_bytes(argument(arguments, 0));
  if (!path) return ask(Becomes::stop, what);
  const bool is_path = path->starts_with('/');
  course().runs_unheard_code = true;
  const auto silent = is_path ? pml::ahead::silent_question_of(*path) : std::nullopt;
  if (course().knows_arguments || silent) return ask(Becomes::stop, what);
  const bool plain = is_path && !on_trial() && !pml::ahead::hidden_deed_of(*path);
  if (!plain) ask_compiled("dlopen " + *path, Becomes::stop, what);
  if (is_path) note_path(*path, "loads");
}

/// A trial hears the functions that are called, but not what a variable holds.
void hear_symbol(PyObject* arguments) {
  const auto name = path_bytes(argument(arguments, 1));
  if (name && pml::ahead::is_silent_question(*name)) ask(Becomes::stop, "looks up C's " + *name);
}

/// From 3.14 on each call of a C function is told of, and not only those by its bare address. What
/// ctypes calls was asked for when its object was called.
bool was_asked_for(PyObject* arguments) {
  PyObject* const address = argument(arguments, 0);
  if (address == nullptr || !PyLong_Check(address)) return false;
  void* const asked = std::exchange(course().asked_address, nullptr);
  return asked != nullptr && asked == PyLong_AsVoidPtr(address);
}

std::string described(const char* event, PyObject* arguments) {
  std::string text = event;
  for (Py_ssize_t i = 0; i < 2; ++i) {
    PyObject* const one = argument(arguments, i);
    if (one == nullptr || one == Py_None) continue;
    if (const auto bytes = path_bytes(one)) text += " " + *bytes;
    // The words of a command, an address.
    const bool several = PyTuple_Check(one) != 0 || PyList_Check(one) != 0;
    const Ref shown = several ? Ref::steal(PyObject_Repr(one)) : Ref();
    if (shown) text += " " + text_of(shown.get());
    PyErr_Clear();
  }
  return text;
}

/// A library that is the interpreter itself; a call that was asked for already.
bool is_settled(std::string_view name, PyObject* arguments) {
  if (name == "ctypes.dlopen") return argument(arguments, 0) == Py_None;
  return name == "ctypes.call_function" && was_asked_for(arguments);
}

int hear_event(const char* event, PyObject* arguments, void* /*data*/) {
  if (!listening()) return 0;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const std::string_view name(event);
  if (name == "open")
    hear_open(arguments);
  else if (name == "import")
    hear_import(arguments);
  else if (name == "ctypes.dlsym")
    hear_symbol(arguments);
  else if (is_settled(name, arguments))
    ;
  else if (name == "ctypes.dlopen")
    hear_library(arguments, described(event, arguments));
  else if (const auto becomes = pml::ahead::what_becomes_of("audit", name))
    ask(*becomes, described(event, arguments));
  PyErr_Restore(type, value, trace);
  return 0;
}

}  // namespace

void start_audit_spy() {
  (void)PySys_AddAuditHook(hear_event, nullptr);
}

}  // namespace pml::zygote::ahead
