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
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/reply.hpp"
#include "worker/compat/ending.hpp"
#include "worker/compat/messages.hpp"
#include "worker/compat/objects.hpp"
#include "worker/end_steps.hpp"
#include "worker/filter_watch.hpp"
#include "worker/interpreter.hpp"
#include "worker/late_imports.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"

namespace pml::worker {

namespace {

PyObject* threading_module() {
  PyObject* const threading = PyDict_GetItem(PyImport_GetModuleDict(), interned("threading"));
  return threading != Py_None ? threading : nullptr;
}

/// Returns false with the Python exception set that the waiting ended with.
bool wait_for_threads() {
  PyObject* const threading = threading_module();
  if (threading == nullptr) return true;
  const Ref keep = stash().is_shared_module(threading) ? Ref() : Ref::borrow(threading);
  return static_cast<bool>(call_method(threading, "_shutdown"));
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
  return PyObject_HasAttr(object, interned("raw")) != 0 ? 1 : 2;
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
  PyObject* const name = interned("__del__");
  if (!objects || name == nullptr) {
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
        compat::type_attribute(type, name) == nullptr)
      continue;
    if (kept.count(object) != 0) continue;
    layers[layer_of(object)].push_back(object);
  }
  for (const auto& layer : layers)
    for (PyObject* object : layer) {
      // A file's own finalizer would warn of it; the interpreter is past warnings when it gets
      // there.
      if (&layer != &layers[2])
        call_method(object, "close");
      else
        PyObject_CallFinalizer(object);
      PyErr_Clear();
    }
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

/// Only the interpreter can stop threads. `waited`: threading._shutdown was called for it; a Python
/// exception that is set came from there.
[[noreturn]] void end_beside_threads(const Outcome& outcome, bool waited) {
  if (waited) compat::repeat_wait_without_waiting();
  const int status = Py_FinalizeEx() < 0 ? 120 : outcome.status;
  if (outcome.interrupted) die_by_interrupt();
  std::exit(status);
}

}  // namespace

namespace {

EndReport g_report;  // NOLINT: of the process
int g_status = 0;    // NOLINT: likewise

/// The first call of exit(3) that was registered is the last that is made.
void report_at_exit() {
  std::fflush(nullptr);
  const bool own = ::getpid() == g_report.pid;
  base::close_between(0, UINT_MAX);
  if (own) send_report(g_report, g_status);
  ::_exit(g_status & 0xff);
}

}  // namespace

void prepare_finish() {
  std::atexit(report_at_exit);
}

void finish_whole(const Outcome& outcome, const EndReport& report) {
  g_report = report;
  g_status = outcome.status;
  // What is written as late as that is flushed with the stream's own end.
  forget_streams();
  baseline().system_names = {};
  if (Py_FinalizeEx() < 0) g_status = 120;
  if (outcome.interrupted) die_by_interrupt();
  std::exit(g_status & 0xff);
}

void finish(const Outcome& outcome, const EndReport& report) {
  int status = outcome.status;
  compat::block_operations();
  const bool waited = wait_for_threads();
  if (other_threads()) end_beside_threads(outcome, true);
  if (!waited) compat::show_failed_threads_end(threading_module());
  while (Py_MakePendingCalls() < 0) PyErr_Clear();
  compat::run_exit_calls(baseline().run_exit_calls.get());
  if (other_threads()) end_beside_threads(outcome, !compat::k_waits_for_late_threads);
  const bool filtered = has_own_filter();
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
  // Only what python3 itself would call is certain to be allowed now.
  if (filtered) ::_exit(status & 0xff);
  const bool own = ::getpid() == report.pid;
  base::close_between(0, UINT_MAX);
  if (own) send_report(report, status);
  if (own) tell_late_imports();
  ::_exit(status & 0xff);
}

}  // namespace pml::worker
