#include "zygote/change_log.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// Of sys. Who replaces a stream does so for all that write to it, which a preload must not find.
bool is_stream_name(const NameChange& change) {
  const std::string name = py::str(change.name);
  return change.owner.is(module_named("sys")) && change.before &&
         (name == "stdin" || name == "stdout" || name == "stderr");
}

}  // namespace

void ChangeLog::note_names() {
  bool restored = false;
  for (NameChange& change : namespaces_.changes()) {
    log_.current().changes.push_back(change);
    if (is_stream_name(change)) {
      set_name(change, change.before);
      replaced_streams_.push_back({py::str(change.name),
                                   log_.running().empty() ? "" : log_.running().back(),
                                   change.after});
      restored = true;
    }
    all_changes_.push_back(std::move(change));
  }
  if (restored) (void)namespaces_.changes();
}

/// Whoever imports what was changed imports, with it, who changed it: no program sees it unchanged.
void ChangeLog::keep_changes_of_families() {
  std::map<std::string, std::set<std::string>> reached;
  for (const std::string& name : log_.order()) {
    std::vector<NameChange>& changes = log_.at(name).changes;
    const auto is_kept = [&](const NameChange& change) {
      if (change.home.empty()) return false;
      const auto& known = quirks_.kept_changes;
      if (std::find(known.begin(), known.end(), std::pair(change.home, name)) != known.end())
        return true;
      auto [place, added] = reached.try_emplace(change.home);
      if (added) log_.reach(change.home, place->second);
      return place->second.count(name) != 0;
    };
    for (const NameChange& change : changes)
      if (is_kept(change))
        all_changes_.erase(std::remove_if(all_changes_.begin(), all_changes_.end(),
                                          [&](const NameChange& other) {
                                            return other.owner.is(change.owner) &&
                                                   other.name.is(change.name) &&
                                                   other.after.is(change.after);
                                          }),
                           all_changes_.end());
    changes.erase(std::remove_if(changes.begin(), changes.end(), is_kept), changes.end());
  }
}

void ChangeLog::restore_names() {
  for (auto change = all_changes_.rbegin(); change != all_changes_.rend(); ++change)
    set_name(*change, change->before);
}

/// Those of the module that others change by calls.
void ChangeLog::watch_objects(const std::string& module) {
  for (const auto& [owner, name] : quirks_.watched) {
    if (owner != module || !modules().contains(module)) continue;
    const py::object object = py::getattr(modules()[module.c_str()], name.c_str(), py::none());
    if (!object.is_none()) namespaces_.watch_object(object);
  }
  if (module != "logging") return;
  const py::object root = module_named("logging").attr("root");
  namespaces_.watch_object(root.attr("manager"));
  lists_.add(root.attr("handlers"));
}

/// A logger that nobody has set up: so who asks for it by name finds it.
void ChangeLog::note_settings_of(const py::object& logger) {
  const std::pair<const char*, py::object> settings[] = {
      {"level", py::int_(0)}, {"propagate", py::bool_(true)}, {"disabled", py::bool_(false)}};
  for (const auto& [name, fresh] : settings) {
    const py::object now = py::getattr(logger, name, py::none());
    if (now.is_none() || now.equal(fresh)) continue;
    log_.current().changes.push_back({logger, py::str(name), fresh, now});
    all_changes_.push_back({logger, py::str(name), fresh, now});
  }
}

void ChangeLog::note() {
  note_names();
  ImportRecord& record = log_.current();
  for (const auto& [name, logger] : loggers_.news()) {
    record.loggers.push_back(name);
    note_settings_of(logger);
    namespaces_.watch_object(logger);
  }
  lists_.note(record.edits);
  settings_.note(record);
}

void ChangeLog::start() {
  const py::module_ sys = module_named("sys");
  lists_.add(module_named("_warnings").attr("filters"));
  for (const char* name : {"meta_path", "path_hooks", "path"}) lists_.add(sys.attr(name));
  settings_.start();
}

void ChangeLog::start_names() {
  for (const std::string& name : log_.known())
    if (name != "__main__" && modules().contains(name)) {
      namespaces_.watch(name, modules()[name.c_str()], {});
      watch_objects(name);
    }
}

void ChangeLog::watch_module(const std::string& name) {
  if (modules().contains(name)) namespaces_.watch(name, modules()[name.c_str()], name);
  watch_objects(name);
}

void ChangeLog::restore() {
  keep_changes_of_families();
  restore_names();
  settings_.restore();
  lists_.restore();
  module_named("_warnings").attr("_filters_mutated")();
  loggers_.hide();
}

void ChangeLog::forget() {
  all_changes_.clear();
  replaced_streams_.clear();
  namespaces_.clear();
}

}  // namespace pml::zygote
