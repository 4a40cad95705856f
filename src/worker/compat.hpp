#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/python_abi.hpp"
#include "worker/python.hpp"

static_assert(PY_MAJOR_VERSION == 3 && PY_MINOR_VERSION >= pml::base::k_oldest_minor &&
                  PY_MINOR_VERSION <= pml::base::k_newest_minor,
              "what differs in another version of CPython has to be looked up first");
#if defined(Py_GIL_DISABLED) || defined(Py_DEBUG) || defined(Py_TRACE_REFS)
#error "pml does not serve free-threaded and debug builds"
#endif

extern "C" {
/// Exported by every CPython from 3.9 on; the declarations stand in its internal headers.
PyConfig* pml_interpreter_config(void);
void pml_set_utf8_mode(int on);
int pml_layout_fits(void);
void pml_run_exit_calls(void);
PyObject* pml_exit_module(void);
void pml_clear_module(PyObject* module);
PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at);
void pml_block_operations(void);
void pml_begin_finalizing(void);
void pml_note_collections(void);
void pml_restore_collections(void);
}

/// What differs between versions of CPython, and nothing else.
namespace pml::worker::compat {

/// Whether a program named "." or "" is the current folder, without either behind it.
inline constexpr bool k_shortens_dot = PY_VERSION_HEX >= 0x030b0000;

/// Why this module must not be used in the running interpreter, which need not be the one that it
/// was built with; nothing where it may. Builds that differ in what pml writes to are told apart by
/// looking, not by their version. A Python frame is running.
[[nodiscard]] inline std::optional<std::string> unfitness() {
  const auto has = [](const char* name) { return PySys_GetObject(name) != nullptr; };
  const std::string_view version = Py_GetVersion();
  constexpr const char* k_version =
      Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION) ".";
  if (!version.starts_with(k_version)) return "this module was built for CPython " PY_VERSION;
  if (has("gettotalrefcount") || has("getobjects"))
    return "it is a debug build, which pml does not serve";
  if (pml_layout_fits() == 0)
    return "its internals are not those of CPython " PY_VERSION " that this module was built for";
  return std::nullopt;
}

/// A new reference to the same object, for a function that gives one away.
[[nodiscard]] inline PyObject* new_reference(PyObject* object) noexcept {
  Py_INCREF(object);
  return object;
}

/// A number that is another one after every change of the dict.
[[nodiscard]] inline std::uint64_t dictionary_version(PyObject* dictionary) noexcept {
#if PY_VERSION_HEX >= 0x030c0000
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
  return reinterpret_cast<PyDictObject*>(dictionary)->ma_version_tag;
#if PY_VERSION_HEX >= 0x030c0000
#pragma GCC diagnostic pop
#endif
}

/// The running interpreter's configuration, to be changed in place.
[[nodiscard]] inline PyConfig* config() noexcept {
  return pml_interpreter_config();
}

/// Makes the interpreter answer as if it had been started with or without the UTF-8 mode.
inline void set_utf8_mode(bool on) noexcept {
  pml_set_utf8_mode(on ? 1 : 0);
}

/// Clears a module's globals as the interpreter does at its end.
inline void clear_module(PyObject* module) noexcept {
  pml_clear_module(module);
}

/// Where the dict keeps the value of this very key object, until the dict changes; null where that
/// cannot be told. The search starts at entry `at` and leaves there where it ended.
[[nodiscard]] inline PyObject** value_place(PyObject* dictionary, PyObject* key,
                                            Py_ssize_t& at) noexcept {
  return pml_value_place(dictionary, key, &at);
}

/// With the OverflowError of a status too large for C: dropped, or from 3.12 on shown by an end
/// that has no threads to wait for.
inline void end_with_huge_status() {
#if PY_VERSION_HEX >= 0x030c0000
  const bool threads = PyDict_GetItemString(PyImport_GetModuleDict(), "threading") != nullptr;
#if PY_VERSION_HEX >= 0x030d0000
  if (!threads) PyErr_FormatUnraisable("Exception ignored on threading shutdown");
#else
  if (!threads) PyErr_WriteUnraisable(nullptr);
#endif
#endif
  PyErr_Clear();
}

/// Shows the exception of threading's own end.
inline void show_failed_threads_end([[maybe_unused]] PyObject* threading) {
#if PY_VERSION_HEX >= 0x030d0000
  PyErr_FormatUnraisable("Exception ignored on threading shutdown");
#else
  PyErr_WriteUnraisable(threading);
#endif
}

/// Shows the exception of a standard output that could not be flushed at the end.
inline void show_failed_flush([[maybe_unused]] PyObject* stream) {
#if PY_VERSION_HEX >= 0x030d0000
  PyErr_FormatUnraisable("Exception ignored on flushing sys.stdout");
#else
  PyErr_WriteUnraisable(stream);
#endif
}

/// Runs the text of -c. `text` and `bytes` are the same, as str and as UTF-8 bytes.
[[nodiscard]] inline Ref run_command([[maybe_unused]] PyObject* text, PyObject* bytes,
                                     PyObject* globals) {
  PyCompilerFlags flags = _PyCompilerFlags_INIT;
  flags.cf_flags |= PyCF_IGNORE_COOKIE;
#if PY_VERSION_HEX >= 0x030d0000
  // Its lines are shown in tracebacks: linecache is told of them.
  constexpr const char* k_name = "<string>";
  Ref code = Ref::steal(
      Py_CompileStringExFlags(PyBytes_AsString(bytes), k_name, Py_file_input, &flags, -1));
  const Ref cache = code ? Ref::steal(PyImport_ImportModule("linecache")) : Ref();
  if (!cache ||
      !Ref::steal(PyObject_CallMethod(cache.get(), "_register_code", "sOs", k_name, text, k_name)))
    return {};
  if (PySys_Audit("exec", "O", code.get()) < 0) return {};
  return Ref::steal(PyEval_EvalCode(code.get(), globals, globals));
#else
  return Ref::steal(
      PyRun_StringFlags(PyBytes_AsString(bytes), Py_file_input, globals, globals, &flags));
#endif
}

/// Drops what the interpreter does for a program that came with -c, as the zygote's: from 3.13 on
/// it imports linecache, behind site, unless that did, and puts the program's lines there.
inline void forget_command() noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  PyObject* const modules = PyImport_GetModuleDict();
  PyObject *name = nullptr, *module = nullptr;
  bool behind_site = false;
  for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &name, &module) != 0;) {
    if (PyUnicode_CompareWithASCIIString(name, "linecache") == 0) break;
    behind_site |= PyUnicode_CompareWithASCIIString(name, "site") == 0;
  }
  const Ref lines = attribute(PyDict_GetItemString(modules, "linecache"), "cache");
  if (lines) (void)PyDict_DelItemString(lines.get(), "<string>");
  if (behind_site) (void)PyDict_DelItemString(modules, "linecache");
  PyErr_Clear();
#endif
}

/// What a weak reference refers to; null or None where that is gone.
[[nodiscard]] inline Ref referent(PyObject* weak) {
#if PY_VERSION_HEX >= 0x030d0000
  PyObject* object = nullptr;
  if (PyWeakref_GetRef(weak, &object) < 0) PyErr_Clear();
  return Ref::steal(object);
#else
  return Ref::borrow(PyWeakref_GetObject(weak));
#endif
}

/// How many calls the end will make. `function` is atexit._ncallbacks.
[[nodiscard]] inline Ref count_exit_calls([[maybe_unused]] PyObject* function) {
#if PY_VERSION_HEX < 0x030a0000
  PyObject* const module = pml_exit_module();
  return module != nullptr ? Ref::steal(PyObject_CallMethod(module, "_ncallbacks", nullptr))
                           : Ref::steal(PyLong_FromLong(0));
#else
  return Ref::steal(PyObject_CallNoArgs(function));
#endif
}

/// Runs what was given to atexit.register. `function` is atexit._run_exitfuncs.
inline void run_exit_calls([[maybe_unused]] PyObject* function) {
#if PY_VERSION_HEX < 0x030a0000
  pml_run_exit_calls();
#else
  Ref::steal(PyObject_CallNoArgs(function));
#endif
  PyErr_Clear();
}

/// Notes what the garbage collector tells of its past, and when it is due next.
inline void note_collections() noexcept {
  pml_note_collections();
}

/// The collector's past and its next turn are what they were then.
inline void restore_collections() noexcept {
  pml_restore_collections();
}

/// The first thing that an end does: from here on, in 3.12, no thread can be started.
inline void block_operations() noexcept {
  pml_block_operations();
}

/// From here on sys.is_finalizing() is true and no other thread gets the GIL again.
inline void begin_finalizing() noexcept {
  pml_begin_finalizing();
}

#if PY_VERSION_HEX >= 0x030c0000
inline int g_calls_in_c = 0;  // NOLINT: of the process

/// Notes how deep calls in C may be nested in a thread that runs nothing yet.
inline void note_recursion_limit() noexcept {
  PyThreadState* const fresh = PyThreadState_New(PyInterpreterState_Get());
  if (fresh == nullptr) return;
  g_calls_in_c = fresh->c_recursion_remaining;
  PyThreadState_Clear(fresh);
  PyThreadState_Delete(fresh);
}
#else
inline void note_recursion_limit() noexcept {}
#endif

/// Forgets the Python frames below the caller, so that the next code to run stands at the bottom of
/// the stack, with the whole recursion depth before it. The thread never returns into them.
inline void forget_frames() noexcept {
  PyThreadState* state = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030d0000
  state->current_frame = nullptr;
  state->py_recursion_remaining = state->py_recursion_limit;
  if (g_calls_in_c > 0) state->c_recursion_remaining = g_calls_in_c;
#elif PY_VERSION_HEX >= 0x030c0000
  state->cframe = &state->root_cframe;
  state->root_cframe.current_frame = nullptr;
  state->py_recursion_remaining = state->py_recursion_limit;
  if (g_calls_in_c > 0) state->c_recursion_remaining = g_calls_in_c;
#elif PY_VERSION_HEX >= 0x030b0000
  state->cframe = &state->root_cframe;
  state->root_cframe.current_frame = nullptr;
  state->recursion_remaining = state->recursion_limit;
#else
  state->frame = nullptr;
  state->recursion_depth = 0;
#endif
}

/// While it lives, the C function that made it does not count towards the recursion limit.
class UncountedCall {
 public:
#if PY_VERSION_HEX >= 0x030c0000
  UncountedCall() noexcept {
    ++PyThreadState_Get()->c_recursion_remaining;
  }
  ~UncountedCall() {
    --PyThreadState_Get()->c_recursion_remaining;
  }
#elif PY_VERSION_HEX >= 0x030b0000
  UncountedCall() noexcept {
    ++PyThreadState_Get()->recursion_remaining;
  }
  ~UncountedCall() {
    --PyThreadState_Get()->recursion_remaining;
  }
#else
  UncountedCall() noexcept {
    --PyThreadState_Get()->recursion_depth;
  }
  ~UncountedCall() {
    ++PyThreadState_Get()->recursion_depth;
  }
#endif
  UncountedCall(const UncountedCall&) = delete;
  UncountedCall& operator=(const UncountedCall&) = delete;
};

}  // namespace pml::worker::compat
