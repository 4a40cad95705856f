#include "zygote/ahead/end.hpp"

#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "worker/compat/gc.hpp"
#include "worker/compat/objects.hpp"
#include "worker/finish.hpp"
#include "worker/interpreter.hpp"
#include "worker/stash.hpp"
#include "zygote/ahead/callbacks.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/held.hpp"

namespace pml::zygote::ahead {

using worker::attribute;
using worker::Ref;

bool is_generator(PyObject* object) {
  return PyGen_CheckExact(object) || PyCoro_CheckExact(object) || PyAsyncGen_CheckExact(object);
}

bool is_suspended(PyObject* object) {
  for (const char* kind : {"gi", "cr", "ag"}) {
    const Ref frame = attribute(object, (std::string(kind) + "_frame").c_str());
    const Ref running = attribute(object, (std::string(kind) + "_running").c_str());
    if (frame && frame.get() != Py_None && running && PyObject_IsTrue(running.get()) == 0)
      return true;
  }
  return false;
}

namespace {

bool g_frozen = false;     // NOLINT: of the process
bool g_whole_end = false;  // NOLINT: likewise

/// Those whose finalizers are called at the end, in any order. Never destroyed.
std::unordered_map<PyObject*, PyTypeObject*>& finalized_later() {
  static auto* const instance = new std::unordered_map<PyObject*, PyTypeObject*>;
  return *instance;
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
  if (PyWeakref_Check(object)) return calls_back_unnoticed(object) ? End::nothing : End::whole;
  if (type->tp_finalize == nullptr && type->tp_del == nullptr) return End::nothing;
  if (is_generator(object)) {
    if (!is_suspended(object)) return End::nothing;
    const Ref code = attribute(object, "gi_code");
    // An expression has no finally clause.
    if (code && text_of(attribute(code.get(), "co_name").get()) == "<genexpr>") return End::nothing;
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

/// A module whose code has not come to its end: the program's own, and those that are imported
/// right now.
bool is_unfinished(PyObject* name, PyObject* module) {
  if (module == nullptr || PyModule_Check(module) == 0) return false;
  if (text_of(name) == "__main__") return true;
  PyObject* const spec = PyDict_GetItemString(PyModule_GetDict(module), "__spec__");
  const Ref initializing = attribute(spec, "_initializing");
  return initializing.get() == Py_True;
}

/// What can be garbage with the globals of modules that are still to be run to their end.
class UnfinishedObjects {
 public:
  UnfinishedObjects() {
    PyObject *name = nullptr, *module = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &name, &module) != 0;) {
      if (!is_unfinished(name, module)) continue;
      globals_.insert(PyModule_GetDict(module));
      names_.insert(text_of(name));
      add(module);
    }
    while (!open_.empty()) {
      PyObject* const object = open_.back();
      open_.pop_back();
      if (Py_TYPE(object)->tp_traverse != nullptr)
        Py_TYPE(object)->tp_traverse(object, visit, this);
    }
  }

  [[nodiscard]] bool holds(PyObject* object) const { return all_.count(object) != 0; }
  [[nodiscard]] const std::unordered_set<PyObject*>& all() const noexcept { return all_; }

 private:
  static int visit(PyObject* object, void* self) {
    static_cast<UnfinishedObjects*>(self)->add(object);
    return 0;
  }

  [[nodiscard]] bool is_own(PyObject* object) const {
    if (PyFunction_Check(object)) return globals_.count(PyFunction_GetGlobals(object)) != 0;
    if (PyType_Check(object) != 0) {
      PyObject* const names = reinterpret_cast<PyTypeObject*>(object)->tp_dict;
      return PyType_HasFeature(reinterpret_cast<PyTypeObject*>(object), Py_TPFLAGS_HEAPTYPE) != 0 &&
             names != nullptr && PyDict_GetItemString(names, "__module__") != nullptr &&
             names_.count(text_of(PyDict_GetItemString(names, "__module__"))) != 0;
    }
    if (PyModule_Check(object) != 0) return globals_.count(PyModule_GetDict(object)) != 0;
    // The globals of a module, as its functions hold them.
    return PyDict_Check(object) == 0 || globals_.count(object) != 0 ||
           PyDict_GetItemString(object, "__builtins__") == nullptr;
  }

  void add(PyObject* object) {
    if (PyObject_IS_GC(object) == 0 || !is_own(object) || !all_.insert(object).second) return;
    open_.push_back(object);
  }

  std::unordered_set<PyObject*> globals_;
  std::unordered_set<std::string> names_;
  std::unordered_set<PyObject*> all_;
  std::vector<PyObject*> open_;
};

/// All that the collector knows of, as it comes to them: the oldest first.
std::vector<Ref> objects_by_age() {
  std::vector<Ref> objects;
  for (int generation = 2; generation >= 0; --generation) {
    const Ref list =
        Ref::steal(PyObject_CallFunction(worker::baseline().live_objects.get(), "i", generation));
    if (!list) PyErr_Clear();
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list.get()); ++i)
      objects.push_back(Ref::borrow(PyList_GET_ITEM(list.get(), i)));
  }
  return objects;
}

/// Those that need a finalizer's call; nothing where one needs more.
std::optional<std::unordered_set<PyObject*>> find_finalized(const std::vector<Ref>& objects) {
  std::unordered_set<PyObject*> found;
  for (const Ref& object : objects) {
    const End end = end_of(object.get());
    if (end == End::whole) return std::nullopt;
    if (end == End::finalizer) found.insert(object.get());
  }
  return found;
}

/// The collector ends objects in their order.
void release_in_order(const std::vector<Ref>& objects,
                      const std::unordered_set<PyObject*>& finalized) {
  const UnfinishedObjects unfinished;
  std::unordered_set<PyObject*> known;
  for (const Ref& object : objects) known.insert(object.get());
  for (PyObject* const object : unfinished.all())
    if (known.count(object) == 0) release(object);  // frozen at the template's stop
  for (const Ref& object : objects)
    if (unfinished.holds(object.get()) || finalized.count(object.get()) != 0) release(object.get());
}

void share_modules() {
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;)
    if (!is_unfinished(key, module)) worker::stash().share(module);
}

}  // namespace

void prepare_end() {
  std::vector<Ref> objects;
  if (!g_whole_end) objects = objects_by_age();
  const auto finalized = g_whole_end ? std::nullopt : find_finalized(objects);
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
  for (PyObject* const object : *finalized) finalized_later()[object] = Py_TYPE(object);
  release_in_order(objects, *finalized);
  PyErr_Clear();
}

void show_all_objects() {
  if (!g_frozen) return;
  g_frozen = false;
  worker::compat::note_collections();
  Ref::steal(PyObject_CallNoArgs(worker::baseline().unfreeze.get()));
  worker::compat::restore_collections();
  PyErr_Clear();
}

void end(const worker::Outcome& outcome) {
  ++course().quiet;
  if (!g_whole_end && holds_unended_objects(finalized_later())) {
    g_whole_end = true;
    show_all_objects();
  }
  if (g_whole_end) worker::finish_whole(outcome, course().end_report);
  worker::finish(outcome, course().end_report);
}

}  // namespace pml::zygote::ahead
