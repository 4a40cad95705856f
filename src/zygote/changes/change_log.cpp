#include "zygote/changes/change_log.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "worker/compat/lazy.hpp"
#include "worker/compat/warnings.hpp"
#include "zygote/changes/registries.hpp"
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

/// Of a name that stood for a lazy import. Every module that uses it is to be seen doing so, not
/// the first alone.
bool is_first_use(const NameChange& change) {
  return worker::compat::is_lazy_import(change.before.ptr());
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
    if (is_first_use(change)) {
      set_name(change, change.before);
      restored = true;
    } else {
      all_changes_.push_back(std::move(change));
    }
  }
  if (restored) (void)namespaces_.changes();
}

/// Whoever imports what was changed imports, with it, who changed it: no program sees it unchanged.
void ChangeLog::keep_changes_of_families() {
  std::map<std::string, std::set<std::string>> reached;
  for (const std::string& name : log_.order()) {
    const auto is_family = [&](const std::string& home) {
      if (home.empty()) return false;
      const auto& known = quirks_.kept_changes;
      if (std::find(known.begin(), known.end(), std::pair(home, name)) != known.end()) return true;
      auto [place, added] = reached.try_emplace(home);
      if (added) log_.reach(home, place->second);
      return place->second.count(name) != 0;
    };
    ImportRecord& record = log_.at(name);
    if (!lists_.keep(record.edits, is_family))
      record.facts.insert({worker::FactKind::own, 0, "the order of a list such as sys.path"});
    for (const NameChange& change : record.changes)
      if (change.home != name && !is_first_use(change) && is_family(change.home))
        record.written.insert(change.home);
    keep_names(record.changes, is_family);
  }
}

void ChangeLog::keep_names(std::vector<NameChange>& changes,
                           const std::function<bool(const std::string&)>& is_family) {
  const auto is_kept = [&](const NameChange& change) {
    return !is_first_use(change) && is_family(change.home);
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
  // What threading._register_atexit adds to.
  if (module == "threading")
    if (const py::object exits = name_in(modules()["threading"], "_threading_atexits");
        py::isinstance<py::list>(exits))
      lists_.add(exits);
  if (module != "logging") return;
  const py::object root = module_named("logging").attr("root");
  namespaces_.watch_object(root.attr("manager"));
  lists_.add(root.attr("handlers"));
}

/// The lists and dicts that the module keeps, by name or in its classes.
void ChangeLog::watch_registries(const std::string& name, const std::string& home) {
  if (!keeps_registries(name)) return;
  for (const py::object& one : registries_in(modules()[name.c_str()], name)) {
    if (PyList_CheckExact(one.ptr()) != 0)
      lists_.add(py::reinterpret_borrow<py::list>(one), home);
    else
      namespaces_.watch_registry(one, home);
  }
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
  for (const char* name : {"handlers", "filters"}) {
    const py::object now = py::getattr(logger, name, py::none());
    if (PyList_CheckExact(now.ptr()) == 0) continue;
    const py::list list = now;
    const py::object items = list.attr("copy")();
    list.attr("clear")();
    lists_.add(list);  // what is in it is news
    list.attr("extend")(items);
  }
}

void ChangeLog::note() {
  note_names();
  enrolments_.note();
  ImportRecord& record = log_.current();
  for (const auto& [name, logger] : loggers_.news()) {
    record.loggers.push_back(name);
    note_settings_of(logger);
    namespaces_.watch_object(logger);
  }
  for (const LoggerWatch::Asked& one : LoggerWatch::asked()) {
    record.unlogged.emplace(one.name, one.level);
    if (one.passed) record.facts.insert({worker::FactKind::own, 0, "where its messages go"});
  }
  lists_.note(record.edits);
  // Who changes sys.path has looked at it to do so.
  if (lists_.edits(record.edits, PySys_GetObject("path")))
    record.facts.erase({worker::FactKind::own, 0, "sys.path"});
  settings_.note(record);
  slots_.note(record);
}

void ChangeLog::start() {
  const py::module_ sys = module_named("sys");
  lists_.add(module_named("_warnings").attr("filters"));
  for (const char* name : {"meta_path", "path_hooks", "path"}) lists_.add(sys.attr(name));
  settings_.start();
  slots_.start();
}

void ChangeLog::start_names() {
  slots_.start_spied();
  for (const std::string& name : log_.known())
    if (name != "__main__" && modules().contains(name)) {
      namespaces_.watch(name, modules()[name.c_str()], {});
      watch_registries(name, {});
      watch_objects(name);
    }
}

void ChangeLog::watch_module(const std::string& name) {
  enrolments_.watch_module(name);
  if (modules().contains(name)) {
    namespaces_.watch(name, modules()[name.c_str()], name);
    watch_registries(name, name);
  }
  watch_objects(name);
}

void ChangeLog::restore() {
  keep_changes_of_families();
  restore_names();
  settings_.restore();
  slots_.restore();
  lists_.restore();
  worker::compat::tell_filters_changed();
  loggers_.hide();
}

void ChangeLog::forget() {
  all_changes_.clear();
  replaced_streams_.clear();
  namespaces_.clear();
}

}  // namespace pml::zygote
