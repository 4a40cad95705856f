#include "worker/end_rehearsal.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/compat/ending.hpp"
#include "worker/end_steps.hpp"
#include "worker/interpreter.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"
#include "worker/uncounted_dict.hpp"

namespace pml::worker {

namespace {

bool no_exit_calls() {
  const Ref count = compat::count_exit_calls(baseline().count_exit_calls.get());
  return count && PyLong_AsLong(count.get()) == 0;
}

std::string_view ascii_of(PyObject* name) {
  const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  return text != nullptr ? text : "";
}

template <typename Value>
bool has(const std::vector<Value>& sorted, const Value& value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

/// What a dict of the interpreter's holds. Every reference taken writes to the object's page: none
/// is taken to what the zygote's copy of the dict keeps alive anyway.
class Names {
 public:
  Names(PyObject* names, PyObject* kept) : names_(names) {
    std::vector<PyObject*> kept_keys;
    kept_keys.reserve(static_cast<std::size_t>(PyDict_Size(kept)));
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(kept, &at, &key, &value) != 0;) kept_keys.push_back(key);
    std::sort(kept_keys.begin(), kept_keys.end());
    entries_.reserve(static_cast<std::size_t>(PyDict_Size(names)));
    for (Py_ssize_t at = 0; PyDict_Next(names, &at, &key, &value) != 0;) {
      entries_.emplace_back(key, value);
      if (!has(kept_keys, key)) held_.push_back(Ref::borrow(key));
      if (PyDict_GetItem(kept, key) != value) held_.push_back(Ref::borrow(value));
    }
  }

  void restore() const {
    std::vector<std::string_view> wanted;
    wanted.reserve(entries_.size());
    for (const auto& [name, value] : entries_) {
      wanted.push_back(ascii_of(name));
      if (PyDict_GetItem(names_, name) != value) PyDict_SetItem(names_, name, value);
    }
    std::sort(wanted.begin(), wanted.end());
    std::vector<Ref> extra;
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(names_, &at, &key, &value) != 0;)
      if (!has(wanted, ascii_of(key))) extra.push_back(Ref::borrow(key));
    for (const Ref& name : extra) PyDict_DelItem(names_, name.get());
  }

 private:
  PyObject* names_;
  std::vector<std::pair<PyObject*, PyObject*>> entries_;
  std::vector<Ref> held_;
};

/// What sys.modules holds, likewise: those that every job shares are never freed.
class LoadedModules {
 public:
  LoadedModules() {
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &value) != 0;) {
      const bool shared = stash().is_shared_module(value);
      entries_.push_back({Ref::borrow(key), shared ? Ref() : Ref::borrow(value), value});
    }
  }

  void restore() const {
    PyDict_Clear(PyImport_GetModuleDict());  // a finalizer may have imported something
    UncountedDict table(PyImport_GetModuleDict());
    for (const Entry& entry : entries_) {
      if (entry.held)
        PyDict_SetItem(PyImport_GetModuleDict(), entry.key.get(), entry.held.get());
      else
        (void)table.put(entry.key.get(), entry.value);  // remove_modules left its reference
    }
  }

 private:
  struct Entry {
    Ref key;
    Ref held;
    PyObject* value;
  };
  std::vector<Entry> entries_;
};

/// What does threading's own end, but for a main thread that is a copy; or None. Up to 3.12: from
/// then on the state of a thread is out of Python's reach.
constexpr const char* k_threads_end = R"(
def prepare(threading):
    main, names = threading._main_thread, dict(vars(threading))
    def is_own(function):
        return (type(function) is type(prepare) and function.__globals__ is vars(threading)
                and function.__code__.co_filename == threading.__spec__.origin)
    if (type(main) is not threading._MainThread or not hasattr(main, '_tstate_lock')
            or not is_own(threading._shutdown) or not is_own(threading._MainThread._stop)):
        return None
    copy = object.__new__(threading._MainThread)
    names.update(_main_thread=copy, _threading_atexits=[], _shutdown_locks=set())
    shutdown = type(prepare)(threading._shutdown.__code__, names)
    def rehearse():
        main._tstate_lock.release()
        main._tstate_lock.acquire()
        vars(copy).update(vars(main), _tstate_lock=threading._allocate_lock())
        copy._tstate_lock.acquire()
        shutdown()
        if not threading._SHUTTING_DOWN:
            threading._SHUTTING_DOWN = True
            threading._SHUTTING_DOWN = False
    return rehearse
)";

Ref& threads_end() {
  static auto* const instance = new Ref;
  return *instance;
}

}  // namespace

void prepare_end() {
  for (const char* name :
       {"_shutdown", "close", "__del__", "threading", "_ctypes", "_cffi_backend"})
    (void)interned(name);  // not rehearsed by name
  PyObject* const threading = preloaded("threading");
  const Ref names = Ref::steal(PyDict_New());
  PyDict_SetItemString(names.get(), "__builtins__", PyEval_GetBuiltins());
  Ref::steal(PyRun_String(k_threads_end, Py_file_input, names.get(), names.get()));
  PyObject* const prepare = PyDict_GetItemString(names.get(), "prepare");
  if (threading != nullptr && prepare != nullptr)
    threads_end() = Ref::steal(PyObject_CallOneArg(prepare, threading));
  PyErr_Clear();
}

void rehearse_end() {
  const LoadedModules modules;
  const Names builtins(PyEval_GetBuiltins(), baseline().builtin_names.get());
  const Names system(system_dictionary(), baseline().system_names.get());
  // What a .pth file or sitecustomize registered is the job's to run, and running forgets it.
  if (no_exit_calls()) compat::run_exit_calls(baseline().run_exit_calls.get());
  // Another thread may wait for the main thread's end.
  if (threads_end() && threads_end().get() != Py_None && !other_threads())
    Ref::steal(PyObject_CallNoArgs(threads_end().get()));
  PyErr_Clear();
  (void)flush_streams();
  rehearse_streams();
  clear_special_names();
  const std::vector<Ref> own = remove_modules();
  remove_late_builtins();
  PyGC_Collect();
  Ref::steal(PyObject_CallNoArgs(baseline().live_objects.get()));  // its parser of arguments wakes
  modules.restore();
  builtins.restore();
  system.restore();
  PyErr_Clear();
}

}  // namespace pml::worker
