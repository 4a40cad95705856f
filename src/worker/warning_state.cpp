#include "worker/warning_state.hpp"

#include <array>

namespace pml::worker {

namespace {

constexpr std::array<const char*, 4> k_showing = {"showwarning", "_showwarnmsg",
                                                  "_showwarnmsg_impl", "warn"};
constexpr std::size_t k_usual_parts = 32;

}  // namespace

// A job that is the first to ask for a name, or for room, copies pages for it.
WarningState::WarningState() {
  settled_.reserve(k_usual_parts);
  for (const char* name : k_showing) (void)interned(name);
}

/// Calls `use` with each part in turn until it returns false.
template <typename Use>
void WarningState::look(Use&& use) {
  PyObject* const table = PyImport_GetModuleDict();
  PyObject* const warnings = PyDict_GetItem(table, interned("warnings"));
  PyObject* const compiled = PyDict_GetItem(table, interned("_warnings"));
  PyObject* const module = warnings != nullptr ? warnings : compiled;
  if (module == nullptr || PyModule_Check(module) == 0) return;
  PyObject* const names = PyModule_GetDict(module);
  PyObject* const filters = PyDict_GetItem(names, interned("filters"));
  const Py_ssize_t count =
      filters != nullptr && PyList_Check(filters) != 0 ? PyList_GET_SIZE(filters) : 0;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!use(PyList_GET_ITEM(filters, i))) return;
  if (warnings == nullptr) return;
  for (const char* name : k_showing)
    if (!use(PyDict_GetItem(names, interned(name)))) return;
}

void WarningState::settle() {
  if (!has_changed()) return;  // nor is a page copied for nothing
  settled_.clear();
  look([this](PyObject* part) {
    settled_.push_back(part);
    return true;
  });
}

bool WarningState::has_changed() const {
  std::size_t at = 0;
  look([&](PyObject* part) {
    const bool same = at < settled_.size() && settled_[at] == part;
    at += same ? 1 : settled_.size() + 1;
    return same;
  });
  return at != settled_.size();
}

}  // namespace pml::worker
