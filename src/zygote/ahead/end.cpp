#include "zygote/ahead/end.hpp"

#include <cstring>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "worker/compat/gc.hpp"
#include "worker/compat/objects.hpp"
#include "worker/finish.hpp"
#include "worker/interpreter.hpp"
#include "worker/stash.hpp"
#include "zygote/ahead/course.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

bool g_frozen = false;     // NOLINT: of the process
bool g_whole_end = false;  // NOLINT: likewise

/// Of the library's own tables, such as weak dictionaries: it changes nothing but those.
bool is_plain_callback(PyObject* callback) {
  const std::string module = text_of(attribute(callback, "__module__").get());
  for (const char* plain : {"weakref", "_weakrefset", "functools", "logging",
                            "importlib._bootstrap", "_frozen_importlib"})
    if (module == plain) return true;
  return PyCFunction_Check(callback) != 0;  // of C code, such as that of abstract base classes
}

bool calls_back(PyObject* object) {
  const Ref callback = attribute(object, "__callback__");
  return callback && callback.get() != Py_None && !is_plain_callback(callback.get());
}

bool is_standard_stream(PyObject* object) {
  for (const char* name : {"__stdin__", "__stdout__", "__stderr__"}) {
    Ref layer = Ref::borrow(PySys_GetObject(name));
    for (const char* below : {"buffer", "raw", ""}) {
      if (!layer) break;
      if (layer.get() == object) return true;
      layer = *below != '\0' ? attribute(layer.get(), below) : Ref();
    }
  }
  return false;
}

/// A generator that waits has its finally clauses still to run; one that runs is on the stack.
bool is_suspended(PyObject* object) {
  for (const char* kind : {"gi", "cr", "ag"}) {
    const Ref frame = attribute(object, (std::string(kind) + "_frame").c_str());
    const Ref running = attribute(object, (std::string(kind) + "_running").c_str());
    if (frame && frame.get() != Py_None && running && PyObject_IsTrue(running.get()) == 0)
      return true;
  }
  return false;
}

/// A file in memory that is closed as any: that is nobody's concern.
bool is_plain_memory(PyObject* object) {
  const Ref io = Ref::steal(PyImport_ImportModule("_io"));
  for (const char* name : {"BytesIO", "StringIO"}) {
    const Ref type = attribute(io.get(), name);
    const int is_one = type ? PyObject_IsInstance(object, type.get()) : 0;
    if (is_one != 1) continue;
    PyTypeObject* const own = reinterpret_cast<PyTypeObject*>(type.get());
    const auto same = [&](const char* method) {
      return worker::compat::type_attribute(Py_TYPE(object), worker::interned(method)) ==
             worker::compat::type_attribute(own, worker::interned(method));
    };
    return same("__del__") && same("close") && same("flush");
  }
  return false;
}

bool is_generator(PyObject* object) {
  return PyGen_CheckExact(object) || PyCoro_CheckExact(object) || PyAsyncGen_CheckExact(object);
}

/// What the end of the interpreter would do for an object that others may notice.
enum class End { nothing, finalizer, whole };

/// Code that somebody has installed closes what it has opened, in any order; that of the program
/// itself may do anything, and in the interpreter's own order.
bool is_installed(PyObject* code) {
  const std::string file = text_of(attribute(code, "co_filename").get());
  return is_library_file(file) || file.find("-packages/") != std::string::npos;
}

End end_of(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  if (PyWeakref_Check(object)) return calls_back(object) ? End::whole : End::nothing;
  if (type->tp_finalize == nullptr && type->tp_del == nullptr) return End::nothing;
  if (is_generator(object)) {
    if (!is_suspended(object)) return End::nothing;
    const Ref code = attribute(object, "gi_code");
    return code && is_installed(code.get()) ? End::finalizer : End::whole;
  }
  if (PyType_Check(object) != 0 || is_standard_stream(object) || is_plain_memory(object))
    return End::nothing;
  const Ref closed = attribute(object, "closed");
  if (closed && PyObject_IsTrue(closed.get()) == 1) return End::nothing;
  PyObject* const finalizer = worker::compat::type_attribute(type, worker::interned("__del__"));
  if (finalizer == nullptr) return type->tp_del != nullptr ? End::whole : End::nothing;
  if (PyFunction_Check(finalizer) == 0) return End::finalizer;
  return is_installed(PyFunction_GetCode(finalizer)) ? End::finalizer : End::whole;
}

/// Out of what the collector leaves alone.
void release(PyObject* object) {
  if (PyObject_IS_GC(object) == 0 || PyObject_GC_IsTracked(object) == 0) return;
  PyObject_GC_UnTrack(object);
  PyObject_GC_Track(object);
}

/// What of the program's own globals can be garbage with them.
class MainObjects {
 public:
  MainObjects() {
    PyObject* const main = PyImport_AddModule("__main__");
    globals_ = PyModule_GetDict(main);
    add(main);
    while (!open_.empty()) {
      PyObject* const object = open_.back();
      open_.pop_back();
      if (Py_TYPE(object)->tp_traverse != nullptr)
        Py_TYPE(object)->tp_traverse(object, visit, this);
    }
  }

  void release_all() const {
    for (PyObject* const object : all_) release(object);
  }

 private:
  static int visit(PyObject* object, void* self) {
    static_cast<MainObjects*>(self)->add(object);
    return 0;
  }

  [[nodiscard]] bool is_own(PyObject* object) const {
    if (PyFunction_Check(object)) return PyFunction_GetGlobals(object) == globals_;
    if (PyType_Check(object) != 0) {
      PyObject* const names = reinterpret_cast<PyTypeObject*>(object)->tp_dict;
      return PyType_HasFeature(reinterpret_cast<PyTypeObject*>(object), Py_TPFLAGS_HEAPTYPE) != 0 &&
             names != nullptr && PyDict_GetItemString(names, "__module__") != nullptr &&
             text_of(PyDict_GetItemString(names, "__module__")) == "__main__";
    }
    if (PyModule_Check(object) != 0) return PyModule_GetDict(object) == globals_;
    // The globals of a module, as its functions hold them.
    return PyDict_Check(object) == 0 || object == globals_ ||
           PyDict_GetItemString(object, "__builtins__") == nullptr;
  }

  void add(PyObject* object) {
    if (PyObject_IS_GC(object) == 0 || !is_own(object) || !all_.insert(object).second) return;
    open_.push_back(object);
  }

  PyObject* globals_ = nullptr;
  std::unordered_set<PyObject*> all_;
  std::vector<PyObject*> open_;
};

/// Those that need a finalizer's call; nothing where one needs more.
std::optional<std::vector<PyObject*>> find_finalized() {
  const Ref objects = Ref::steal(PyObject_CallNoArgs(worker::baseline().live_objects.get()));
  if (!objects) return std::nullopt;
  std::vector<PyObject*> found;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects.get()); ++i) {
    PyObject* const object = PyList_GET_ITEM(objects.get(), i);
    const End end = end_of(object);
    if (end == End::whole) return std::nullopt;
    if (end == End::finalizer) found.push_back(object);
  }
  return found;
}

void share_modules() {
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;)
    if (text_of(key) != "__main__") worker::stash().share(module);
}

}  // namespace

void prepare_end() {
  const auto finalized = g_whole_end ? std::nullopt : find_finalized();
  PyErr_Clear();
  if (!finalized) {
    g_whole_end = true;
    show_all_objects();
    return;
  }
  share_modules();
  worker::compat::note_collections();
  Ref::steal(PyObject_CallNoArgs(worker::baseline().freeze.get()));
  worker::compat::restore_collections();
  g_frozen = true;
  MainObjects().release_all();
  for (PyObject* const object : *finalized) release(object);
  PyErr_Clear();
}

void show_all_objects() {
  if (!g_frozen) return;
  g_frozen = false;
  const Ref gc = Ref::steal(PyImport_ImportModule("gc"));
  worker::compat::note_collections();
  worker::call_method(gc.get(), "unfreeze");
  worker::compat::restore_collections();
  PyErr_Clear();
}

void end(const worker::Outcome& outcome) {
  ++course().quiet;
  if (g_whole_end) worker::finish_whole(outcome, course().end_report);
  worker::finish(outcome, course().end_report);
}

}  // namespace pml::zygote::ahead
