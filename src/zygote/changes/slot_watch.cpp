#include "zygote/changes/slot_watch.hpp"

#include <cstring>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// Where the functions lie that belong to every type.
constexpr std::array<std::size_t, 14> k_places = {
    offsetof(PyTypeObject, tp_getattr),   offsetof(PyTypeObject, tp_setattr),
    offsetof(PyTypeObject, tp_repr),      offsetof(PyTypeObject, tp_hash),
    offsetof(PyTypeObject, tp_call),      offsetof(PyTypeObject, tp_str),
    offsetof(PyTypeObject, tp_getattro),  offsetof(PyTypeObject, tp_setattro),
    offsetof(PyTypeObject, tp_iter),      offsetof(PyTypeObject, tp_descr_get),
    offsetof(PyTypeObject, tp_descr_set), offsetof(PyTypeObject, tp_init),
    offsetof(PyTypeObject, tp_new),       offsetof(PyTypeObject, tp_richcompare)};

void set_slot(PyTypeObject* type, std::size_t place, void* function) {
  std::memcpy(reinterpret_cast<char*>(type) + place, &function, sizeof function);
}

/// Those that builtins has a name for, and those of functions and modules.
std::vector<PyTypeObject*> types_of_the_interpreter() {
  std::vector<PyTypeObject*> types = {
      &PyModule_Type,           &PyFunction_Type,     &PyCFunction_Type,   &PyMethod_Type,
      &PyMethodDescr_Type,      &PyWrapperDescr_Type, &PyGetSetDescr_Type, &PyMemberDescr_Type,
      &PyClassMethodDescr_Type, &PyCode_Type,         &PyGen_Type,         &PyCoro_Type};
  for (const auto& [name, value] :
       py::reinterpret_borrow<py::dict>(PyModule_GetDict(module_named("builtins").ptr())))
    if (PyType_Check(value.ptr()) != 0) {
      auto* const type = reinterpret_cast<PyTypeObject*>(value.ptr());
      if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) types.push_back(type);
    }
  return types;
}

}  // namespace

SlotWatch::Slots SlotWatch::slots_of(const PyTypeObject* type) {
  Slots slots{};
  for (std::size_t i = 0; i < k_slots; ++i)
    std::memcpy(&slots[i], reinterpret_cast<const char*>(type) + k_places[i], sizeof(void*));
  return slots;
}

void SlotWatch::start() {
  for (PyTypeObject* type : types_of_the_interpreter()) {
    const Slots slots = slots_of(type);
    types_.push_back({type, slots, slots});
  }
}

void SlotWatch::start_spied() {
  for (Watched& watched : types_) watched.seen = slots_of(watched.type);
}

void SlotWatch::note(ImportRecord& record) {
  for (Watched& watched : types_) {
    const Slots now = slots_of(watched.type);
    if (now == watched.seen) continue;
    for (std::size_t i = 0; i < k_slots; ++i) {
      if (now[i] == watched.seen[i]) continue;
      const auto put = [type = watched.type, place = k_places[i], function = now[i]] {
        set_slot(type, place, function);
      };
      record.calls.push_back({py::cpp_function(put), py::tuple()});
    }
    watched.seen = now;
  }
}

void SlotWatch::restore() {
  for (const Watched& watched : types_) {
    const Slots now = slots_of(watched.type);
    for (std::size_t i = 0; i < k_slots; ++i)
      if (now[i] != watched.first[i]) set_slot(watched.type, k_places[i], watched.first[i]);
  }
}

}  // namespace pml::zygote
