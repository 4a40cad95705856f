#include "zygote/ahead/answers.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "ahead/compiled.hpp"
#include "zygote/ahead/askers.hpp"
#include "zygote/ahead/clock.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/folders.hpp"
#include "zygote/ahead/parking.hpp"
#include "zygote/ahead/spies.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

PyObject* named(const Call& call, const char* name) {
  if (call.values != nullptr) return PyDict_GetItemString(call.values, name);
  for (Py_ssize_t i = 0; call.names != nullptr && i < PyTuple_GET_SIZE(call.names); ++i)
    if (text_of(PyTuple_GET_ITEM(call.names, i)) == name) return call.arguments[call.count + i];
  return nullptr;
}

/// As a dict.
Ref named_arguments(const Call& call) {
  if (call.values != nullptr) return Ref::steal(PyDict_Copy(call.values));
  Ref all = Ref::steal(PyDict_New());
  for (Py_ssize_t i = 0; call.names != nullptr && i < PyTuple_GET_SIZE(call.names); ++i)
    (void)PyDict_SetItem(all.get(), PyTuple_GET_ITEM(call.names, i),
                         call.arguments[call.count + i]);
  return all;
}

}  // namespace

Ref reconfigure(PyObject* stream, PyObject* values) {
  const Ref method = attribute(reinterpret_cast<PyObject*>(Py_TYPE(stream)), "reconfigure");
  const Ref self = Ref::steal(PyTuple_Pack(1, stream));
  return method && self ? Ref::steal(PyObject_Call(method.get(), self.get(), values)) : Ref();
}

namespace {

/// Done at once, for what is asked of the stream meanwhile, and again when it is the caller's. What
/// the stream itself asks to do so, its position, is of no meaning.
Ref answer_setting(const Call& call) {
  const Quiet quiet;
  Ref values = named_arguments(call);
  Ref result = reconfigure(call.self, values.get());
  if (result) course().stream_settings.push_back({Ref::borrow(call.self), std::move(values)});
  return result;
}

PyObject* first_of(const Call& call, const char* name) {
  return call.count > 0 ? call.arguments[0] : named(call, name);
}

std::string public_name(const Called& called) {
  return std::string(pml::ahead::public_name(called.module)) + "." + called.name;
}

/// The bytes of a str, bytes or path object; nothing for what is none.
std::optional<std::string> path_of(PyObject* object) {
  const Ref path = Ref::steal(PyOS_FSPath(object));
  const Ref bytes = path && PyUnicode_Check(path.get())
                        ? Ref::steal(PyUnicode_EncodeFSDefault(path.get()))
                        : path;
  if (!bytes || !PyBytes_Check(bytes.get())) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string(PyBytes_AS_STRING(bytes.get()),
                     static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())));
}

/// A number; -1 where it is none.
int number_of(PyObject* object) {
  if (object == nullptr || !PyLong_Check(object)) return -1;
  const long number = PyLong_AsLong(object);
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  return number >= 0 && number < 1 << 20 ? static_cast<int>(number) : -1;
}

void hear_descriptor(const Called& called, int number) {
  if (number < 0 || number > 2) return;
  ask(Becomes::stop, public_name(called) + "(" + std::to_string(number) + ")");
}

bool is_about_kind_only(const Called& called) {
  if (called.name.starts_with("_path_") || called.name.starts_with("DirEntry.is_")) return true;
  return (called.name == "stat" || called.name == "lstat") && asks_kind_only();
}

void hear_path(const Called& called, const std::string& path) {
  if (is_about_kind_only(called))
    note_kind_of_path(path, public_name(called));
  else
    note_path(path, public_name(called));
}

void hear_file(const Called& called, const Call& call) {
  for (const char* name : {"dir_fd", "fd"})
    if (PyObject* folder = named(call, name); folder != nullptr && folder != Py_None)
      return ask(Becomes::stop, public_name(called) + " below a descriptor");
  if (called.name.starts_with("DirEntry.")) {
    if (const auto path = path_of(attribute(call.self, "path").get())) hear_path(called, *path);
    return;
  }
  PyObject* const first = first_of(call, "path");
  if (first == nullptr || first == Py_None) return note_path(".", public_name(called));
  if (PyLong_Check(first)) return hear_descriptor(called, number_of(first));
  if (const auto path = path_of(first)) hear_path(called, *path);
}

Ref answer_terminal(const Called& called, const Call& call) {
  const Ref own =
      call.count == 0 && called.module == "_io" ? worker::call_method(call.self, "fileno") : Ref();
  PyErr_Clear();
  const int number = number_of(own ? own.get() : first_of(call, "fd"));
  if (number < 0 || number > 2) return {};
  note(FactKind::terminal, number);
  return Ref::borrow(course().plan.streams[static_cast<std::size_t>(number)].terminal ? Py_True
                                                                                      : Py_False);
}

Ref answer_seekable(const Call& call) {
  const Ref own = worker::call_method(call.self, "fileno");
  PyErr_Clear();
  const int number = number_of(own.get());
  if (number < 0 || number > 2 || standard_stream(call.self).empty()) return {};
  note(FactKind::seekable, number);
  return Ref::borrow(course().plan.streams[static_cast<std::size_t>(number)].seekable ? Py_True
                                                                                      : Py_False);
}

Ref answer_blocking(const Call& call) {
  const int number = number_of(first_of(call, "fd"));
  if (number < 0 || number > 2) return {};
  note(FactKind::blocking, number);
  const pml::ahead::Stream& stream = course().plan.streams[static_cast<std::size_t>(number)];
  return stream.open ? Ref::borrow(stream.blocking ? Py_True : Py_False) : Ref();
}

Ref answer_terminal_size(const Call& call) {
  PyObject* const first = first_of(call, "fd");
  const int number = first == nullptr ? 1 : number_of(first);
  if (number < 0 || number > 2) return {};
  const pml::ahead::Stream& stream = course().plan.streams[static_cast<std::size_t>(number)];
  note(FactKind::terminal, number);
  if (!stream.terminal) return {};  // no descriptor of this process is one: the same error
  note(FactKind::terminal_size, number);
  const Ref os = Ref::steal(PyImport_ImportModule("os"));
  const Ref type = attribute(os.get(), "terminal_size");
  return Ref::steal(PyObject_CallFunction(type.get(), "((ii))", stream.columns, stream.lines));
}

void hear_variable(const Call& call) {
  const auto name = call.count > 0 ? path_of(call.arguments[0]) : std::nullopt;
  if (!name) return;
  course().c_changes.push_back({*name, call.count > 1 ? path_of(call.arguments[1]) : std::nullopt});
}

void forget(std::vector<Ref>& list, PyObject* object) {
  list.erase(std::remove_if(list.begin(), list.end(),
                            [object](const Ref& one) { return one.get() == object; }),
             list.end());
}

void hear_seed(const Call& call) {
  PyObject* const seed = call.count > 0 ? call.arguments[0] : nullptr;
  forget(course().system_seeded, call.self);
  forget(course().fixed_seeded, call.self);
  const bool by_system = seed == nullptr || seed == Py_None;
  (by_system ? course().system_seeded : course().fixed_seeded).push_back(Ref::borrow(call.self));
}

/// What a generator with a seed of the program's gives is the same every time.
bool is_fixed(const Called& called, const Call& call) {
  if (called.module != "_random") return false;
  const auto& list = course().fixed_seeded;
  return std::any_of(list.begin(), list.end(),
                     [&](const Ref& one) { return one.get() == call.self; });
}

/// What each worker renews: multiprocessing's key of the process, the number of threading's main
/// thread; and what leaves nothing: whether there is epoll at all.
bool is_renewed(const Called& called) {
  const std::string asker = function_of(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  const auto is = [&](std::string_view one, std::string_view function) {
    return called.name == one && asker == function;
  };
  if (is("urandom", "multiprocessing.process:__init__"))
    return course().renews_multiprocessing = true;
  return is("get_native_id", "threading:_set_native_id") || is("epoll", "selectors:_can_use");
}

/// Random numbers that come out the same, and what is renewed.
bool is_each_ones_own(const Called& called, const Call& call) {
  if (called.module == "_uuid") hear_clock(called, call, public_name(called));
  return is_fixed(called, call) || is_renewed(called);
}

bool is_library_folder(const std::string& file) {
  return file.find("/lib-dynload/") != std::string::npos &&
         file.find("-packages/") == std::string::npos;
}

/// A compiled module is about to be loaded, or initialised.
void hear_compiled(const Called& called, const Call& call) {
  look_at_what_comes();
  if (!called.name.starts_with("create_")) return;
  PyObject* const spec = call.count > 0 ? call.arguments[0] : nullptr;
  const std::string name = text_of(attribute(spec, "name").get());
  const std::string file = text_of(attribute(spec, "origin").get());
  const bool built_in = called.name == "create_builtin";
  if (built_in || is_library_folder(file)) {
    ask(pml::ahead::import_of(name), "import " + name);
    return;
  }
  Course& own = course();
  // No trial has seen that.
  if (const auto silent = pml::ahead::silent_question_of(file))
    return ask(Becomes::stop, "runs compiled code: " + file + " (" + *silent + ")");
  if (is_tried(file)) {
    own.runs_unheard_code = true;
    return ask_compiled(file, Becomes::stop, {});
  }
  const auto deed = pml::ahead::hidden_deed_of(file);
  if (deed) ask_compiled(file, Becomes::stop, "runs compiled code: " + file + " (" + *deed + ")");
  own.runs_unheard_code = own.runs_unheard_code || deed || pml::ahead::reads_clock(file);
  if (own.knows_arguments && own.runs_unheard_code)
    ask(Becomes::stop, "runs compiled code: " + file);
}

/// mkdir(path, mode=0o777, *, dir_fd=None).
Ref answer_new_folder(const Called& called, const Call& call) {
  constexpr int k_usual_mode = 0777;
  PyObject* const below = named(call, "dir_fd");
  PyObject* const given = call.count > 1 ? call.arguments[1] : named(call, "mode");
  const auto path = path_of(first_of(call, "path"));
  const int mode = given != nullptr ? number_of(given) : k_usual_mode;
  struct stat info = {};
  if ((below == nullptr || below == Py_None) && path && mode >= 0) {
    if (hear_new_folder(*path, static_cast<mode_t>(mode))) return Ref::borrow(Py_None);
    if (::lstat(path->c_str(), &info) == 0) return {};
  }
  ask(Becomes::stop, public_name(called) + (path ? " " + *path : ""));
  return {};
}

/// SemLock(kind, value, maxvalue, name, unlink).
bool loses_its_name(const Call& call) {
  constexpr Py_ssize_t k_place = 4;
  PyObject* const unlink = call.count > k_place ? call.arguments[k_place] : named(call, "unlink");
  return unlink != nullptr && PyObject_IsTrue(unlink) == 1;
}

/// Whether descriptor or stream is a terminal, has a position, makes readers wait.
Ref answer_of_stream(const Called& called, const Call& call) {
  if (called.becomes == Becomes::terminal) return answer_terminal(called, call);
  return called.becomes == Becomes::seekable ? answer_seekable(call) : answer_blocking(call);
}

FactKind context_of(Becomes becomes) noexcept {
  if (becomes == Becomes::folder) return FactKind::folder;
  return becomes == Becomes::mask ? FactKind::mask : FactKind::affinity;
}

/// Of the C function that an object of ctypes calls; null where it does not tell.
void* address_of(PyObject* function) {
  void* address = nullptr;
  Py_buffer bytes{};
  if (function == nullptr || PyObject_GetBuffer(function, &bytes, PyBUF_SIMPLE) != 0) {
    PyErr_Clear();
    return nullptr;
  }
  if (bytes.len == sizeof address) std::memcpy(&address, bytes.buf, sizeof address);
  PyBuffer_Release(&bytes);
  return address;
}

void hear_deed(const Called& called, const Call& call) {
  if (called.module != "_ctypes") return ask(called.becomes, public_name(called));
  const std::string name = text_of(attribute(call.self, "__name__").get());
  ask_compiled("calls " + name, called.becomes,
               "calls C function " + (name.empty() ? "(unnamed)" : name));
  course().asked_address = address_of(call.self);
}

Ref answer_quietly(const Called& called, const Call& call) {
  switch (called.becomes) {
    case Becomes::harmless:
    case Becomes::all_objects:
      if (called.module == "_imp") hear_compiled(called, call);
      return {};
    case Becomes::file:
      hear_file(called, call);
      return {};
    case Becomes::folder:
    case Becomes::mask:
    case Becomes::affinity:
      note(context_of(called.becomes));
      return {};
    case Becomes::terminal:
    case Becomes::seekable:
    case Becomes::blocking:
      return answer_of_stream(called, call);
    case Becomes::clock:
      hear_clock(called, call, public_name(called));
      return {};
    case Becomes::terminal_size:
      return answer_terminal_size(call);
    case Becomes::own_descriptor:
      hear_descriptor(called, number_of(first_of(call, "fd")));
      return {};
    case Becomes::stream_setting:
      return standard_stream(call.self).empty() ? Ref() : answer_setting(call);
    case Becomes::own_stream:
      if (const std::string stream = standard_stream(call.self); !stream.empty())
        ask(Becomes::stop, stream + ": " + called.name.substr(called.name.find('.') + 1));
      return {};
    case Becomes::copies_descriptor:
      hear_descriptor(called, number_of(first_of(call, "fd")));
      ask(Becomes::template_stops, public_name(called));
      return {};
    case Becomes::renewed:
      hear_seed(call);
      return {};
    case Becomes::environment:
      hear_variable(call);
      return {};
    case Becomes::template_stops:
      if (is_each_ones_own(called, call)) return {};
      break;
    case Becomes::makes_folder:
      return answer_new_folder(called, call);
    case Becomes::own_semaphore:
      ask(loses_its_name(call) ? Becomes::template_stops : Becomes::stop, public_name(called));
      return {};
    case Becomes::trial_tells:
      ask_compiled("calls " + public_name(called) + " " + text_of(first_of(call, "host")),
                   Becomes::stop, public_name(called));
      return {};
    case Becomes::stop:
      break;
  }
  hear_deed(called, call);
  return {};
}

}  // namespace

Ref answer(const Called& called, const Call& call) {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  Ref result = answer_quietly(called, call);
  PyErr_Clear();
  PyErr_Restore(type, value, trace);
  return result;
}

}  // namespace pml::zygote::ahead
