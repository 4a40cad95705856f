#include "worker/finish.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/reply.hpp"
#include "worker/compat.hpp"
#include "worker/interpreter.hpp"
#include "worker/late_imports.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"
#include "worker/uncounted_dict.hpp"

namespace pml::worker {

namespace {

void wait_for_threads() {
  const Ref name = Ref::steal(PyUnicode_FromString("threading"));
  PyObject* threading = PyDict_GetItem(PyImport_GetModuleDict(), name.get());
  if (threading == nullptr || threading == Py_None) return;
  const Ref keep = Ref::borrow(threading);
  if (!Ref::steal(PyObject_CallMethod(threading, "_shutdown", nullptr)))
    PyErr_WriteUnraisable(threading);
}

void run_exit_calls() {
  compat::run_exit_calls(baseline().run_exit_calls.get());
}

/// Threads that the program left running can only be stopped by the interpreter's own end.
bool other_threads() {
  PyThreadState* own = PyThreadState_Get();
  PyThreadState* first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
  return first != own || PyThreadState_Next(first) != nullptr;
}

/// Puts None, or a value of its own, where user values hide.
void clear_special_names() {
  PyDict_SetItemString(PyEval_GetBuiltins(), "_", Py_None);
  for (const char* name :
       {"path", "argv", "ps1", "ps2", "last_type", "last_value", "last_traceback", "path_hooks",
        "path_importer_cache", "meta_path", "__interactivehook__"})
    PySys_SetObject(name, Py_None);
  constexpr const char* k_streams[][2] = {
      {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
  for (const auto& [name, kept] : k_streams) {
    const Ref value = Ref::borrow(PySys_GetObject(kept));
    PySys_SetObject(name, value ? value.get() : Py_None);
  }
}

/// Weak references to the job's own modules, in the order of their import; sys.modules is empty
/// afterwards.
std::vector<Ref> remove_modules() {
  std::vector<Ref> own;
  PyObject* modules = PyImport_GetModuleDict();
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  UncountedDict table(modules);
  while (PyDict_Next(modules, &at, &key, &value) != 0) {  // as python3 does it, on the dict itself
    if (stash().is_shared_module(value)) {
      (void)table.blank(key);
      continue;
    }
    if (!PyModule_Check(value)) continue;
    Ref weak = Ref::steal(PyWeakref_NewRef(value, nullptr));
    if (weak) own.push_back(std::move(weak));
    PyErr_Clear();
    PyDict_SetItem(modules, key, Py_None);
  }
  PyDict_Clear(modules);
  return own;
}

void clear_left_modules(const std::vector<Ref>& own) {
  for (auto weak = own.rbegin(); weak != own.rend(); ++weak) {
    const Ref module = compat::referent(weak->get());
    if (!module || module.get() == Py_None) continue;
    compat::clear_module(module.get());
  }
}

/// Sets names that the job added to a dict of the interpreter's to None.
void clear_added_names(PyObject* names, PyObject* original) {
  std::vector<Ref> added;
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(names, &at, &key, &value)) {
    PyObject* before = PyDict_GetItem(original, key);
    if (before != value && value != Py_None && value != PySys_GetObject("stderr") &&
        value != PySys_GetObject("stdout"))
      added.push_back(Ref::borrow(key));
  }
  for (const Ref& name : added) {
    PyObject* before = PyDict_GetItem(original, name.get());
    PyDict_SetItem(names, name.get(), before != nullptr ? before : Py_None);
  }
}

PyObject* system_dictionary() {
  return PyModule_GetDict(baseline().system.get());
}

/// What hangs on the sys module itself, the standard streams with the layers below them first of
/// all: it goes after everything else.
std::set<PyObject*> objects_of_system() {
  std::set<PyObject*> objects;
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(system_dictionary(), &at, &key, &value) != 0;) {
    if (PyDict_GetItem(baseline().system_names.get(), key) == value) continue;
    Ref layer = Ref::borrow(value);
    objects.insert(value);
    for (const char* below : {"buffer", "raw"}) {
      if (Py_TYPE(layer.get())->tp_finalize == nullptr) break;
      layer = attribute(layer.get(), below);
      if (!layer) break;
      objects.insert(layer.get());
    }
  }
  return objects;
}

/// The end of the sys module: streams first, then what the program added.
void release_system_names() {
  for (const char* name : {"stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"})
    PySys_SetObject(name, Py_None);
  std::vector<Ref> added;
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(system_dictionary(), &at, &key, &value) != 0;)
    if (PyDict_Contains(baseline().system_names.get(), key) == 0) added.push_back(Ref::borrow(key));
  for (const Ref& name : added) PyDict_SetItem(system_dictionary(), name.get(), Py_None);
}

/// 0 for a text file, 1 for the buffer below one, 2 for anything else: the order in which they can
/// be ended without losing what is still in a buffer.
int layer_of(PyObject* object) {
  if (PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(baseline().text_wrapper.get())))
    return 0;
  return PyObject_HasAttrString(object, "raw") != 0 ? 1 : 2;
}

/// Shiboken keeps the classes that derive from its own for ever, outside of Python's reach.
bool is_kept_class(PyObject* object) {
  return PyType_Check(object) && std::strcmp(Py_TYPE(object)->tp_name, "Shiboken.ObjectType") == 0;
}

/// What those classes hold, the globals of their methods for one, does not end in python3 either.
std::set<PyObject*> kept_with_classes(PyObject* objects) {
  struct Search {
    std::set<PyObject*> all, reached;
    std::vector<PyObject*> open;
  } search;
  for (Py_ssize_t i = 0; i < PyList_Size(objects); ++i)
    if (is_kept_class(PyList_GetItem(objects, i)))
      search.open.push_back(PyList_GetItem(objects, i));
  if (search.open.empty()) return {};
  for (Py_ssize_t i = 0; i < PyList_Size(objects); ++i)
    search.all.insert(PyList_GetItem(objects, i));
  const auto visit = [](PyObject* found, void* argument) {
    auto& self = *static_cast<Search*>(argument);
    if (self.all.count(found) != 0 && self.reached.insert(found).second) self.open.push_back(found);
    return 0;
  };
  while (!search.open.empty()) {
    PyObject* object = search.open.back();
    search.open.pop_back();
    if (Py_TYPE(object)->tp_traverse != nullptr)
      Py_TYPE(object)->tp_traverse(object, visit, &search);
  }
  return std::move(search.reached);
}

/// Objects of the job that preloaded modules still hold: python3 would have taken them apart with
/// their holders, so their finalizers and their buffers are due.
void finalize_held_objects() {
  const Ref objects = Ref::steal(PyObject_CallNoArgs(baseline().live_objects.get()));
  const Ref name = Ref::steal(PyUnicode_FromString("__del__"));
  if (!objects || !name) {
    PyErr_Clear();
    return;
  }
  const std::set<PyObject*> spared = objects_of_system();
  const std::set<PyObject*> kept = kept_with_classes(objects.get());
  std::vector<PyObject*> layers[3];
  for (Py_ssize_t i = 0; i < PyList_Size(objects.get()); ++i) {
    PyObject* object = PyList_GetItem(objects.get(), i);
    PyTypeObject* type = Py_TYPE(object);
    if (type->tp_finalize == nullptr || PyType_Check(object) || spared.count(object) != 0 ||
        _PyType_Lookup(type, name.get()) == nullptr)
      continue;
    if (kept.count(object) != 0) continue;
    layers[layer_of(object)].push_back(object);
  }
  for (const auto& layer : layers)
    for (PyObject* object : layer) {
      // A file's own finalizer would warn of it; the interpreter is past warnings when it gets
      // there.
      if (&layer != &layers[2])
        Ref::steal(PyObject_CallMethod(object, "close", nullptr));
      else
        PyObject_CallFinalizer(object);
      PyErr_Clear();
    }
}

/// The interpreter goes back to the builtins it had before site and io added theirs.
void remove_late_builtins() {
  PyObject* builtins = PyEval_GetBuiltins();
  clear_added_names(builtins, baseline().builtin_names.get());
  for (const char* name : {"open", "exit", "quit", "copyright", "credits", "license", "help", "_"})
    if (PyDict_DelItemString(builtins, name) != 0) PyErr_Clear();
}

void finalize_modules() {
  note_late_imports();
  clear_special_names();
  const std::vector<Ref> own = remove_modules();
  remove_late_builtins();
  PyGC_Collect();
  clear_left_modules(own);
}

void send_report(const EndReport& report, int status) {
  if (report.name.empty() || report.name.size() > sizeof(sockaddr_un::sun_path) - 1) return;
  const base::UniqueFd socket(base::k_adopt, ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, report.name.data(), report.name.size());
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + report.name.size());
  const std::string message = wire::encode({wire::ReplyKind::exited, status & 0xff, {}, {}});
  ::sendto(socket.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);
}

[[noreturn]] void die_by_interrupt() {
  ::signal(SIGINT, SIG_DFL);
  ::kill(::getpid(), SIGINT);
  ::_exit(SIGINT + 128);
}

}  // namespace

namespace {

bool no_exit_calls() {
  const Ref count = Ref::steal(PyObject_CallNoArgs(baseline().count_exit_calls.get()));
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

/// What of threading's end can be done twice; the rest of it is at least looked at.
void rehearse_threads_end() {
  PyObject* const threading = preloaded("threading");
  const Ref main = attribute(threading, "_main_thread");
  for (const char* name : {"ident", "daemon"}) (void)attribute(main.get(), name);
  for (const auto& [owner, name] :
       {std::pair(threading, "_shutdown"), std::pair(main.get(), "_stop")})
    (void)attribute(attribute(owner, name).get(), "__code__");
  if (const Ref settle = attribute(threading, "_maintain_shutdown_locks"))
    Ref::steal(PyObject_CallNoArgs(settle.get()));
  PyErr_Clear();
}

}  // namespace

void rehearse_end() {
  const LoadedModules modules;
  const Names builtins(PyEval_GetBuiltins(), baseline().builtin_names.get());
  const Names system(system_dictionary(), baseline().system_names.get());
  // What a .pth file or sitecustomize registered is the job's to run, and running forgets it.
  if (no_exit_calls()) run_exit_calls();
  rehearse_threads_end();
  (void)flush_streams();
  clear_special_names();
  const std::vector<Ref> own = remove_modules();
  remove_late_builtins();
  PyGC_Collect();
  modules.restore();
  builtins.restore();
  system.restore();
  PyErr_Clear();
}

void finish(const Outcome& outcome, const EndReport& report) {
  int status = outcome.status;
  compat::block_operations();
  wait_for_threads();
  while (Py_MakePendingCalls() < 0) PyErr_Clear();
  run_exit_calls();
  if (other_threads()) {
    if (Py_FinalizeEx() < 0) status = 120;
    if (outcome.interrupted) die_by_interrupt();
    std::exit(status);
  }
  compat::begin_finalizing();
  if (!flush_streams()) status = 120;
  PyGC_Collect();
  finalize_modules();
  // What fails to be written from here on is lost without a word, as python3 loses it.
  flush_streams_silently();
  finalize_held_objects();
  flush_streams_silently();
  release_system_names();
  if (outcome.interrupted) die_by_interrupt();

  std::fflush(nullptr);
  const bool own = ::getpid() == report.pid;
  base::close_between(0, UINT_MAX);
  if (own) send_report(report, status);
  if (own) tell_late_imports();
  ::_exit(status & 0xff);
}

}  // namespace pml::worker
