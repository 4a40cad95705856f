#include "zygote/imports/taken_names.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "worker/names.hpp"
#include "worker/stash.hpp"
#include "zygote/module_table.hpp"
#include "zygote/questions/process_spy.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

bool is_importlib_running() {
  PyFrameObject* const frame = PyEval_GetFrame();
  if (frame == nullptr) return true;
  const py::object globals = py::reinterpret_steal<py::object>(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(frame), "f_globals"));
  PyObject* const name = globals ? PyDict_GetItemString(globals.ptr(), "__name__") : nullptr;
  if (name == nullptr || PyUnicode_Check(name) == 0) return false;
  const std::string_view text = worker::text_of(name);
  return text.starts_with("importlib") || text.starts_with("_frozen_importlib");
}

}  // namespace

/// What the import system itself looks up is looked after elsewhere.
bool TakenNames::matters(PyObject* module, PyObject* name, const std::string& taker) const {
  PyObject* const system = PyDict_GetItemString(PyImport_GetModuleDict(), "sys");
  if (module != system) return worker::text_of(name) != "__spec__";
  const std::string_view text = worker::text_of(name);
  constexpr std::array<std::string_view, 5> k_of_imports = {"modules", "path", "meta_path",
                                                            "path_hooks", "path_importer_cache"};
  if (std::find(k_of_imports.begin(), k_of_imports.end(), text) != k_of_imports.end()) return false;
  if (const auto kind = kind_of_system_name(text); kind && quirks_.is_harmless(taker, *kind))
    return false;
  return !is_importlib_running();
}

void TakenNames::note(PyObject* module, PyObject* name, const std::string& taker) {
  if (PyUnicode_CheckExact(name) == 0) return;
  // What C code looks up is another object each time. (To intern them could be noticed.)
  if (PyUnicode_CHECK_INTERNED(name) == 0)
    if (const std::string text(worker::text_of(name)); !text.empty())
      name = made_names_.try_emplace(text, py::reinterpret_borrow<py::object>(name))
                 .first->second.ptr();
  std::set<std::string>& takers = takers_[{module, name}];
  if (takers.count(taker) != 0 || !matters(module, name, taker)) return;
  takers.insert(taker);
  for (PyObject* const object : {module, name})
    kept_.try_emplace(object, py::reinterpret_borrow<py::object>(object));
}

void TakenNames::give_to_stash() const {
  worker::Stash& stash = worker::stash();
  std::map<PyObject*, int> numbers;
  for (std::size_t number = 0; number < stash.graph().size(); ++number)
    if (PyObject* const module = stash.object_of(static_cast<int>(number)))
      numbers.try_emplace(module, static_cast<int>(number));
  for (const auto& [place, takers] : takers_) {
    const auto module = numbers.find(place.first);
    if (module == numbers.end()) continue;
    for (const std::string& taker : takers)
      if (const auto number = stash.find(taker); number && *number != module->second)
        stash.guard().note_taken(module->second, place.second, *number);
  }
}

}  // namespace pml::zygote
