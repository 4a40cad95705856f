// Whether importing a module now would make of it, and of all that it brings, what the stash hides.

#include <algorithm>

#include "worker/compat/lazy.hpp"
#include "worker/derived_variables.hpp"
#include "worker/interpreter.hpp"
#include "worker/names.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

/// Adds what `reveal` would reveal, in its order.
void Stash::plan(int index, ModuleSet& seen, std::vector<int>& order) const {
  if (static_cast<std::size_t>(index) >= entries_.size() || !is_hidden(index)) return;
  if (seen.contains(index)) return;
  const StashEntry& entry = entries_[index];
  if (entry.module && entry.parent >= 0) plan(entry.parent, seen, order);
  if (!seen.insert(index)) return;
  order.push_back(index);
  for (const int request : graph_.asked_by(index)) plan(request, seen, order);
}

/// Circles of imports that would begin with another module than they did.
void Stash::add_early_circles(const std::vector<int>& order, std::vector<int>& found) const {
  ModuleSet entered;
  for (const int index : order) {
    if (!entered.insert(graph_.circle_of(index)) || graph_.opens_circle(index)) continue;
    const std::vector<int> members = graph_.brought_by(index).members();
    const bool begun = std::any_of(members.begin(), members.end(), [&](int member) {
      return static_cast<std::size_t>(member) < entries_.size() &&
             graph_.circle_of(member) == graph_.circle_of(index) &&
             states_[member] == EntryState::shown;
    });
    if (!begun) found.push_back(index);
  }
}

/// Names that the program itself has taken in sys.modules: stubs, None, a module of its own.
void Stash::add_taken_names(const std::vector<int>& order, std::vector<int>& found) const {
  PyObject* const table = PyImport_GetModuleDict();
  for (const int index : order)
    if (PyObject* const now = PyDict_GetItem(table, entries_[index].key.get());
        now != nullptr && now != entries_[index].module.get())
      found.push_back(index);
}

void Stash::add_shadowed(const std::vector<int>& order, std::vector<int>& found) {
  if (is_path_plain()) return;
  for (const int index : order)
    if (!still_first(entries_[index])) found.push_back(index);
}

/// Those in packages that look for their modules elsewhere first.
void Stash::add_moved(const std::vector<int>& order, std::vector<int>& found) const {
  int seen = -1;
  bool moved = false;
  for (const int index : order) {
    const int package = entries_[index].package;
    if (package < 0 || is_hidden(package)) continue;
    if (package != seen) moved = places_.has_moved(package, object_of(package));
    seen = package;
    if (moved) found.push_back(index);
  }
}

/// Those that would log what they did not, or of whose warnings something else would become.
void Stash::add_talkative(const std::vector<int>& order, std::vector<int>& found) const {
  const bool usual = guard_.logging().makes_usual_loggers();
  const bool own_filters = guard_.warnings_changed();
  for (const int index : order) {
    const StashEntry& entry = entries_[index];
    const bool logs = std::any_of(
        entry.unlogged.begin(), entry.unlogged.end(),
        [&](const auto& one) { return guard_.logging().passes(one.first, one.second); });
    if (logs || (!usual && !entry.loggers.empty()) || (own_filters && entry.warned))
      found.push_back(index);
  }
}

/// Those that asked the process for what the program has changed since it began.
void Stash::add_estranged(const ModuleSet& planned, std::vector<int>& found) const {
  for (const auto* const one : changing_facts_) {
    const auto& [value, entries] = one->second;
    const bool asked = std::any_of(entries.begin(), entries.end(),
                                   [&](int index) { return planned.contains(index); });
    if (asked && value_of(one->first, {}) != value)
      found.insert(found.end(), entries.begin(), entries.end());
  }
}

std::vector<int> Stash::misfits(const std::vector<int>& order, const ModuleSet& planned) {
  std::vector<int> found;
  add_early_circles(order, found);
  add_taken_names(order, found);
  add_shadowed(order, found);
  add_moved(order, found);
  add_talkative(order, found);
  add_estranged(planned, found);
  return found;
}

/// Those that would read another variable in os.environ than they did. What compiled code has read
/// when it was loaded, no second import reads again.
void Stash::drop_misled() {
  PyObject* const values = baseline().environment_values.get();
  const VariableOf variable = [values](const std::string& name) -> std::optional<std::string> {
    const Ref key = bytes_of(name);
    PyObject* const value = key ? PyDict_GetItem(values, key.get()) : nullptr;
    if (value == nullptr || PyBytes_Check(value) == 0) return std::nullopt;
    return std::string(PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value)));
  };
  std::vector<int> found =
      misled_by([&](const std::string& name) { return derived_value(name, variable); });
  found.erase(
      std::remove_if(found.begin(), found.end(),
                     [this](int index) { return !is_hidden(index) || entries_[index].extension; }),
      found.end());
  fall(found);
}

bool Stash::is_as_recorded(int index) {
  ModuleSet planned;
  std::vector<int> order;
  plan(index, planned, order);
  if (guard_.sees_imports() || places_.has_foreign_finders() ||
      places_.has_foreign_path_finders() || !compat::lazy_imports_are_usual())
    fall({index});
  fall(guard_.changed(planned));
  if (guard_.environment_changed()) drop_misled();
  if (!main_names_.empty()) drop_those_of_main();
  if (!is_hidden(index)) return false;
  if (!std::all_of(order.begin(), order.end(), [this](int one) { return is_hidden(one); })) {
    planned = {};
    order.clear();
    plan(index, planned, order);
  }
  fall(misfits(order, planned));
  return is_hidden(index);
}

}  // namespace pml::worker
