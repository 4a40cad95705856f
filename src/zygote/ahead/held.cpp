#include "zygote/ahead/held.hpp"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "worker/compat/objects.hpp"
#include "worker/interpreter.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "zygote/ahead/callbacks.hpp"
#include "zygote/ahead/end.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::Ref;

/// Asks no code of the program's: it runs already with its caller.
bool has_end(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  if (PyWeakref_Check(object)) return !calls_back_unnoticed(object);
  if ((type->tp_finalize == nullptr && type->tp_del == nullptr) || PyType_Check(object) != 0)
    return false;
  if (is_generator(object)) return is_suspended(object);
  PyObject* const finalizer = worker::compat::type_attribute(type, worker::interned("__del__"));
  return finalizer != nullptr && PyFunction_Check(finalizer);
}

/// The program's own, and who outside of them holds which.
class OwnObjects {
 public:
  /// `list`: of objects, which each have one reference from it.
  explicit OwnObjects(PyObject* list) {
    const Py_ssize_t count = PyList_GET_SIZE(list);
    outside_.reserve(static_cast<std::size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* const object = PyList_GET_ITEM(list, i);
      outside_[object] = Py_REFCNT(object) - 1;
    }
    for (const auto& [object, references] : outside_)
      go_through(object, [](PyObject* held, void* self) {
        auto& all = static_cast<OwnObjects*>(self)->outside_;
        if (const auto found = all.find(held); found != all.end()) --found->second;
        return 0;
      });
  }

  /// Those that go with the program's own modules alone are not counted.
  [[nodiscard]] bool hold_from_outside(const std::vector<PyObject*>& wanted) {
    leave_out_own_modules();
    for (const auto& [object, references] : outside_)
      if (references > 0 || worker::stash().is_shared_module(object)) reach(object);
    while (!open_.empty()) {
      PyObject* const object = open_.back();
      open_.pop_back();
      go_through(object, [](PyObject* held, void* self) {
        static_cast<OwnObjects*>(self)->reach(held);
        return 0;
      });
    }
    return std::any_of(wanted.begin(), wanted.end(),
                       [this](PyObject* object) { return reached_.count(object) != 0; });
  }

 private:
  void go_through(PyObject* object, visitproc visit) {
    if (Py_TYPE(object)->tp_traverse != nullptr) Py_TYPE(object)->tp_traverse(object, visit, this);
  }

  /// Their names are taken from them first of all.
  void leave_out_own_modules() {
    PyObject *name = nullptr, *module = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &name, &module) != 0;) {
      if (PyModule_Check(module) == 0 || worker::stash().is_shared_module(module)) continue;
      left_out_.insert(module);
      left_out_.insert(PyModule_GetDict(module));
    }
  }

  void reach(PyObject* object) {
    if (outside_.count(object) == 0 || left_out_.count(object) != 0) return;
    if (reached_.insert(object).second) open_.push_back(object);
  }

  std::unordered_map<PyObject*, Py_ssize_t> outside_;  ///< references from elsewhere
  std::unordered_set<PyObject*> left_out_, reached_;
  std::vector<PyObject*> open_;
};

}  // namespace

bool holds_unended_objects(const std::unordered_map<PyObject*, PyTypeObject*>& before) {
  const auto was_there = [&before](PyObject* object) {
    const auto found = before.find(object);
    return found != before.end() && found->second == Py_TYPE(object);
  };
  const Ref list = Ref::steal(PyObject_CallNoArgs(worker::baseline().live_objects.get()));
  std::vector<PyObject*> ends;
  for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list.get()); ++i)
    if (PyObject* const object = PyList_GET_ITEM(list.get(), i);
        has_end(object) && !was_there(object))
      ends.push_back(object);
  PyErr_Clear();
  return !ends.empty() && OwnObjects(list.get()).hold_from_outside(ends);
}

}  // namespace pml::zygote::ahead
