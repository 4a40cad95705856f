#include "worker/compat/fit.hpp"

#include <array>
#include <string>
#include <string_view>

#include "worker/compat/command.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/dict.hpp"
#include "worker/compat/frames.hpp"

extern "C" {
int pml_layout_fits(void);
int pml_collections_fit(PyObject* threshold);
int pml_lazy_imports_fit(void);
}

namespace pml::worker::compat {

namespace {

PyObject* module(const char* name) noexcept {
  return PyDict_GetItemString(PyImport_GetModuleDict(), name);
}

/// A built-in module that need not have been imported, without leaving it so.
Ref built_in(const char* name) {
  PyObject* const there = module(name);
  if (there != nullptr) return Ref::borrow(there);
  Ref imported = Ref::steal(PyImport_ImportModule(name));
  if (imported && PyDict_DelItemString(PyImport_GetModuleDict(), name) != 0) PyErr_Clear();
  return imported;
}

bool runtime_is_known() {
  return pml_layout_fits() != 0;
}

/// A value of a dict is found where pml looks for it, and a new one is what the dict then gives.
bool dict_is_known() {
  const Ref names = Ref::steal(PyDict_New());
  std::array<Ref, 12> keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = Ref::steal(PyUnicode_FromFormat("key%d", static_cast<int>(i)));
    if (!names || !keys[i] || PyDict_SetItem(names.get(), keys[i].get(), keys[i].get()) != 0)
      return false;
  }
  for (const Ref& key : keys) {
    Py_ssize_t at = 0;
    PyObject** const place = value_place(names.get(), key.get(), at);
    if (place != nullptr && *place != key.get()) return false;
  }
  return true;
}

bool frames_are_known() {
  const Ref limit = Ref::steal(PyObject_CallMethod(module("sys"), "getrecursionlimit", nullptr));
  return limit && recursion_limit() == PyLong_AsLong(limit.get());
}

bool collector_is_known() {
  const Ref collector = built_in("gc");
  const Ref threshold = call_method(collector.get(), "get_threshold");
  return threshold && attribute(collector.get(), "freeze") &&
         pml_collections_fit(threshold.get()) != 0;
}

/// What pml sets in sys.flags, and that all of them can be read.
bool flags_are_known() {
  PyObject* const flags = PySys_GetObject("flags");
  if (flags == nullptr) return false;
  for (const char* name : {"dont_write_bytecode", "quiet", "bytes_warning", "utf8_mode"})
    if (!attribute(flags, name)) return false;
  const Py_ssize_t fields = count_of_fields(flags);
  if (fields < PyTuple_Size(flags)) return false;
  for (Py_ssize_t i = 0; i < fields; ++i)
    if (PyStructSequence_GetItem(flags, i) == nullptr) return false;
  return true;
}

bool warnings_are_known() {
  PyObject* const warnings = module("_warnings");
  const Ref filters = attribute(warnings, "filters");
  const bool locked = attribute(warnings, "_filters_mutated_lock_held") &&
                      attribute(warnings, "_acquire_lock") && attribute(warnings, "_release_lock");
  return filters && PyList_Check(filters.get()) &&
         (locked || attribute(warnings, "_filters_mutated"));
}

bool exit_calls_are_known() {
  const Ref calls = built_in("atexit");
  return attribute(calls.get(), "_run_exitfuncs") && attribute(calls.get(), "_ncallbacks");
}

bool imports_are_known() {
  PyObject* const bootstrap = module("_frozen_importlib");
  for (const char* name : {"_find_and_load", "_calc___package__", "_resolve_name"})
    if (!attribute(bootstrap, name)) return false;
  return bool(attribute(module("_imp"), "create_dynamic"));
}

bool lazy_imports_are_known() {
  return pml_lazy_imports_fit() != 0;
}

bool streams_are_known() {
  PyObject* const stream = PySys_GetObject("__stdout__");
  const Ref wrapper = attribute(module("_io"), "TextIOWrapper");
  if (stream == nullptr || stream == Py_None) return true;
  return wrapper && PyObject_IsInstance(stream, wrapper.get()) == 1 && attribute(stream, "buffer");
}

/// What a fresh __main__ has, beside what the zygote's command left there.
bool main_is_known() {
  PyObject* const main = module("__main__");
  if (main == nullptr) return false;
  PyObject* const globals = PyModule_GetDict(main);
  for (const char* name :
       {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__"})
    if (PyDict_GetItemString(globals, name) == nullptr) return false;
  return true;
}

struct Probe {
  const char* what;
  bool (*holds)();
};

constexpr std::array<Probe, 12> k_probes{{{"layout of the runtime", runtime_is_known},
                                          {"table of a dict", dict_is_known},
                                          {"stack of frames", frames_are_known},
                                          {"books of the garbage collector", collector_is_known},
                                          {"sys.flags", flags_are_known},
                                          {"filters of warnings", warnings_are_known},
                                          {"calls of atexit", exit_calls_are_known},
                                          {"import system", imports_are_known},
                                          {"lazy imports", lazy_imports_are_known},
                                          {"standard streams", streams_are_known},
                                          {"__main__", main_is_known},
                                          {"linecache", command_is_known}}};

}  // namespace

std::optional<std::string> unfitness() {
  const auto has = [](const char* name) { return PySys_GetObject(name) != nullptr; };
  const std::string_view version = Py_GetVersion();
  constexpr const char* k_version =
      Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION) ".";
  if (!version.starts_with(k_version)) return "this module was built for CPython " PY_VERSION;
  if (has("gettotalrefcount") || has("getobjects"))
    return "it is a debug build, which pml does not serve";
  for (const Probe& probe : k_probes) {
    const bool holds = probe.holds();
    PyErr_Clear();
    if (!holds)
      return "its " + std::string(probe.what) +
             " is not that of CPython " PY_VERSION " that this module was built for";
  }
  return std::nullopt;
}

}  // namespace pml::worker::compat
