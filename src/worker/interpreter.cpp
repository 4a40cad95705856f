#include "worker/interpreter.hpp"

#include <langinfo.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>

#include "wire/entry_point_code.hpp"
#include "worker/argument_words.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/gc.hpp"
#include "worker/compat/objects.hpp"
#include "worker/process_title.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"

namespace pml::worker {

namespace {

std::vector<std::string> texts_of(PyObject* list) {
  std::vector<std::string> texts;
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i) {
    const Ref bytes = Ref::steal(PyUnicode_EncodeFSDefault(PyList_GetItem(list, i)));
    if (bytes) texts.emplace_back(PyBytes_AsString(bytes.get()));
    PyErr_Clear();
  }
  return texts;
}

template <typename Texts>
Ref list_of(const Texts& texts) {
  Ref list = Ref::steal(PyList_New(0));
  for (const auto& text : texts) {
    const Ref item = decode(text);
    if (!list || !item || PyList_Append(list.get(), item.get()) != 0) return {};
  }
  return list;
}

bool set_system(const char* name, const Ref& value) {
  return value && PySys_SetObject(name, value.get()) == 0;
}

/// Adds the variable that PEP 538 puts into the environment of a C locale.
std::vector<std::string_view> job_environment(const wire::Request& request,
                                              const RunOptions& options) {
  std::vector<std::string_view> entries = request.environment;
  if (!options.locale.coerced) return entries;
  constexpr std::string_view k_coerced = "LC_CTYPE=C.UTF-8";
  const auto old = std::find_if(entries.begin(), entries.end(), [](std::string_view entry) {
    return entry.starts_with("LC_CTYPE=");
  });
  if (old != entries.end())
    *old = k_coerced;
  else
    entries.push_back(k_coerced);
  return entries;
}

bool set_environment(const std::vector<std::string_view>& entries) {
  PyObject* values = baseline().environment_values.get();
  PyDict_Clear(values);
  for (std::string_view entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const Ref name = bytes_of(entry.substr(0, equals));
    const Ref value = bytes_of(entry.substr(equals + 1));
    if (!name || !value || PyDict_SetDefault(values, name.get(), value.get()) == nullptr)
      return false;
  }
  return true;
}

bool set_flag(PyObject* flags, const char* name, long value) {
  PyTypeObject* type = Py_TYPE(flags);
  for (Py_ssize_t i = 0; type->tp_members[i].name != nullptr; ++i) {
    if (std::strcmp(type->tp_members[i].name, name) != 0) continue;
    PyObject* number = PyLong_FromLong(value);
    if (number == nullptr) return false;
    Py_DECREF(PyStructSequence_GetItem(flags, i));
    PyStructSequence_SetItem(flags, i, number);
    return true;
  }
  return true;
}

bool set_flags(const RunOptions& options) {
  PyObject* old = PySys_GetObject("flags");
  const Ref flags = Ref::steal(PyStructSequence_New(Py_TYPE(old)));
  if (!flags) return false;
  for (Py_ssize_t i = 0; i < compat::count_of_fields(old); ++i)
    PyStructSequence_SetItem(flags.get(), i,
                             compat::new_reference(PyStructSequence_GetItem(old, i)));
  PyConfig* config = compat::config();
  config->write_bytecode = options.dont_write_bytecode ? 0 : 1;
  config->quiet = options.quiet;
  config->bytes_warning = options.bytes_warning;
  config->buffered_stdio = options.unbuffered ? 0 : 1;
  compat::set_utf8_mode(options.locale.utf8_mode);
  return set_flag(flags.get(), "dont_write_bytecode", options.dont_write_bytecode ? 1 : 0) &&
         set_flag(flags.get(), "quiet", options.quiet) &&
         set_flag(flags.get(), "bytes_warning", options.bytes_warning) &&
         set_flag(flags.get(), "utf8_mode", options.locale.utf8_mode ? 1 : 0) &&
         set_system("flags", flags) &&
         PySys_SetObject("dont_write_bytecode", options.dont_write_bytecode ? Py_True : Py_False) ==
             0;
}

bool set_x_options(const RunOptions& options) {
  PyObject* known = PySys_GetXOptions();
  for (const std::string& option : options.x_options) {
    const std::size_t equals = option.find('=');
    const Ref name = decode(std::string_view(option).substr(0, equals));
    const Ref value = equals == std::string::npos
                          ? Ref::borrow(Py_True)
                          : decode(std::string_view(option).substr(equals + 1));
    if (!name || !value || PyDict_SetItem(known, name.get(), value.get()) != 0) return false;
  }
  return true;
}

/// A fresh interpreter imports `warnings` at start when it was given filters.
bool set_warnings(const RunOptions& options) {
  if (options.warnings.empty()) return true;
  if (!set_system("warnoptions", list_of(options.warnings))) return false;
  const Ref name = Ref::steal(PyUnicode_FromString("warnings"));
  const bool was_there = PyDict_Contains(PyImport_GetModuleDict(), name.get()) == 1;
  const bool preloaded = stash().find("warnings").has_value();
  const Ref warnings = Ref::steal(PyImport_Import(name.get()));
  if (!warnings) return false;
  if (!was_there && !preloaded) return true;  // the import just done has read them
  return bool(Ref::steal(
      PyObject_CallMethod(warnings.get(), "_processoptions", "O", PySys_GetObject("warnoptions"))));
}

std::string absolute(const std::string& path) {
  const Ref os_path = Ref::steal(PyImport_ImportModule("posixpath"));
  const Ref text = decode(path);
  const Ref result = Ref::steal(PyObject_CallMethod(os_path.get(), "abspath", "O", text.get()));
  const Ref bytes = result ? Ref::steal(PyUnicode_EncodeFSDefault(result.get())) : Ref();
  if (!bytes) {
    PyErr_Clear();
    return path;
  }
  return PyBytes_AsString(bytes.get());
}

bool set_path(const RunOptions& options) {
  PyObject* path = PySys_GetObject("path");
  if (options.python_path.empty()) {
    const Ref fresh = list_of(baseline().path);
    return fresh && PyList_SetSlice(path, 0, PyList_Size(path), fresh.get()) == 0;
  }
  // site makes the entries absolute and drops the second of two alike.
  std::vector<std::string> entries;
  const auto append = [&entries](const std::string& entry) {
    if (std::find(entries.begin(), entries.end(), entry) == entries.end()) entries.push_back(entry);
  };
  for (const std::string& entry : options.python_path) append(absolute(entry));
  for (const std::string& entry : baseline().path) append(entry);
  const Ref fresh = list_of(entries);
  return fresh && PyList_SetSlice(path, 0, PyList_Size(path), fresh.get()) == 0;
}

bool set_arguments(const wire::Request& request, const std::vector<std::string>& original) {
  std::vector<std::string_view> words;
  switch (request.kind) {
    case wire::ProgramKind::command:
      words.emplace_back("-c");
      break;
    case wire::ProgramKind::entry_point:
      words.insert(words.end(), {"-c", request.target});
      break;
    case wire::ProgramKind::module:
      words.emplace_back("-m");
      break;
    default:
      words.push_back(request.target);
      break;
  }
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  // sys.orig_argv is there from 3.10 on.
  const bool knows = PyDict_GetItemString(baseline().system_names.get(), "orig_argv") != nullptr;
  return set_system("argv", list_of(words)) &&
         (!knows || set_system("orig_argv", list_of(original)));
}

bool set_signals(const wire::Request& request) {
  for (int number = 1; number <= 64; ++number) {
    const bool ignored = (request.ignored_signals >> (number - 1) & 1) != 0;
    if (!ignored || number == SIGPIPE || number == SIGXFSZ || number == SIGKILL ||
        number == SIGSTOP || number == 32 || number == 33)
      continue;
    if (!Ref::steal(PyObject_CallFunction(baseline().set_signal.get(), "ii", number, 1)))
      return false;
  }
  return true;
}

bool set_time_zone(const RunOptions& options) {
  if (baseline().time_zone == options.time_zone) return true;
  const Ref time = Ref::steal(PyImport_ImportModule("time"));
  return time && call_method(time.get(), "tzset");
}

bool enable_fault_handler(const RunOptions& options) {
  if (!options.faulthandler) return true;
  const Ref module = Ref::steal(PyImport_ImportModule("faulthandler"));
  return module && call_method(module.get(), "enable");
}

}  // namespace

namespace {

/// A function of a module that a fresh interpreter has not imported: without leaving it imported.
Ref function_of(const char* module_name, const char* name) {
  PyObject* modules = PyImport_GetModuleDict();
  // Some sites do import it at start.
  const bool there = PyDict_GetItemString(modules, module_name) != nullptr;
  const Ref module = Ref::steal(PyImport_ImportModule(module_name));
  if (!there && PyDict_DelItemString(modules, module_name) != 0) PyErr_Clear();
  return attribute(module.get(), name);
}

/// Frozen and built-in modules come from nowhere, and nothing can stand before them.
std::vector<std::string> modules_from_files() {
  std::vector<std::string> names;
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;) {
    const Ref spec = attribute(module, "__spec__");
    const Ref located = attribute(spec.get(), "has_location");
    const char* name = PyUnicode_AsUTF8(key);
    if (name != nullptr && std::strchr(name, '.') == nullptr && located &&
        PyObject_IsTrue(located.get()) == 1)
      names.emplace_back(name);
    PyErr_Clear();
  }
  return names;
}

}  // namespace

Baseline& baseline() {
  static auto* const instance = new Baseline;  // holds objects that must outlive static destructors
  return *instance;
}

void take_baseline(std::string_view executable) {
  compat::note_collections();
  find_argument_words();
  Baseline& base = baseline();
  base.executable = executable;
  base.path = texts_of(PySys_GetObject("path"));
  for (char** entry = environ; *entry != nullptr; ++entry) base.environment.emplace_back(*entry);
  if (const char* zone = std::getenv("TZ")) base.time_zone = zone;
  base.locale = std::setlocale(LC_CTYPE, nullptr);
  base.startup = modules_from_files();
  PyObject* main = PyImport_AddModule("__main__");
  base.main_globals = Ref::steal(PyDict_Copy(PyModule_GetDict(main)));
  base.builtin_names = Ref::steal(PyDict_Copy(PyEval_GetBuiltins()));
  const Ref sys = Ref::steal(PyImport_ImportModule("sys"));
  base.system = sys;
  base.system_names = Ref::steal(PyDict_Copy(PyModule_GetDict(sys.get())));
  const Ref os = Ref::steal(PyImport_ImportModule("os"));
  base.environment_values = attribute(attribute(os.get(), "environ").get(), "_data");
  const Ref io = Ref::steal(PyImport_ImportModule("_io"));
  base.open = attribute(io.get(), "open");
  base.text_wrapper = attribute(io.get(), "TextIOWrapper");
  remember_streams();
  const Ref signals = Ref::steal(PyImport_ImportModule("_signal"));
  base.set_signal = attribute(signals.get(), "signal");
  base.run_exit_calls = function_of("atexit", "_run_exitfuncs");
  base.count_exit_calls = function_of("atexit", "_ncallbacks");
  base.live_objects = function_of("gc", "get_objects");
  base.freeze = function_of("gc", "freeze");
  base.unfreeze = function_of("gc", "unfreeze");
}

const Environment& started_with() {
  static const auto* const own = new Environment(
      std::vector<std::string_view>(baseline().environment.begin(), baseline().environment.end()));
  return *own;
}

std::vector<std::string> original_words(const wire::Request& request) {
  std::vector<std::string> words{baseline().executable};
  words.insert(words.end(), request.interpreter_options.begin(), request.interpreter_options.end());
  const bool attached = (request.flags & wire::k_flag_target_attached) != 0;
  if (request.kind == wire::ProgramKind::command || request.kind == wire::ProgramKind::module) {
    std::string word = "-";
    if ((request.flags & wire::k_flag_target_clustered) != 0) {
      word = words.back();
      words.pop_back();
    }
    word += request.kind == wire::ProgramKind::command ? 'c' : 'm';
    if (attached) word += request.target;
    words.push_back(std::move(word));
  } else if (request.kind == wire::ProgramKind::entry_point) {
    words.insert(words.end(), {"-c", wire::k_entry_point_code});
  }
  const bool named = request.kind != wire::ProgramKind::standard_in || !request.target.empty();
  if (named && !attached) words.emplace_back(request.target);
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  return words;
}

bool adopt_locale(const LocaleChoice& choice) {
  if (choice.name == baseline().locale) return true;
  if (std::setlocale(LC_CTYPE, choice.name.c_str()) == nullptr) return false;
  return choice.utf8_mode || std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/// Where HOME is not set, the start asks the password database for the user's own packages, and its
/// module is there before all that `site` imports after that.
bool add_password_module(const RunOptions& options) {
  if (options.home) return true;
  const Ref module = Ref::steal(PyImport_ImportModule("pwd"));
  if (!module) return false;
  PyObject* const all = PyImport_GetModuleDict();
  const Ref names = Ref::steal(PyDict_Keys(all));
  bool behind = false;
  for (Py_ssize_t i = 0; names && i < PyList_Size(names.get()); ++i) {
    PyObject* const name = PyList_GetItem(names.get(), i);
    const char* const text = PyUnicode_AsUTF8(name);
    if (behind && text != nullptr && std::strcmp(text, "pwd") != 0) {
      const Ref kept = Ref::borrow(PyDict_GetItem(all, name));
      if (PyDict_DelItem(all, name) != 0 || PyDict_SetItem(all, name, kept.get()) != 0)
        return false;
    }
    if (text != nullptr && std::strcmp(text, "_sitebuiltins") == 0) behind = true;
  }
  return PyErr_Occurred() == nullptr;
}

bool become(const wire::Request& request, const RunOptions& options) {
  const std::vector<std::string_view> environment = job_environment(request, options);
  const std::vector<std::string> words = original_words(request);
  set_title_and_environment({words.begin(), words.end()}, environment);
  set_argument_words(words);
  compat::restore_collections();
  return add_password_module(options) && set_environment(environment) && set_flags(options) &&
         set_x_options(options) && set_arguments(request, words) && set_path(options) &&
         set_signals(request) && set_time_zone(options) && open_streams(options) &&
         set_warnings(options) && enable_fault_handler(options);
}

}  // namespace pml::worker
