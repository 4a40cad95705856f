#include "zygote/stash_filler.hpp"

#include <pybind11/eval.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/stash.hpp"
#include "worker/worker.hpp"
#include "zygote/heap.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// The sys.path entry that a top-level module or package was found in.
std::string found_in(const py::object& module) {
  const py::object spec = name_in(module, "__spec__");
  if (spec.is_none() || !py::getattr(spec, "has_location", py::bool_(false)).cast<bool>())
    return {};
  const std::string origin = py::str(py::getattr(spec, "origin", py::str("")));
  const py::object places = py::getattr(spec, "submodule_search_locations", py::none());
  return places.is_none() ? parent_folder(origin) : parent_folder(parent_folder(origin));
}

/// Where the expression gives in this process what the import has left there.
void add_expression(worker::StashEntry& entry, const py::object& module,
                    const RenewalQuirk& quirk) {
  py::object owner = module;
  std::string name = quirk.name;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
    owner = owner.attr(name.substr(0, dot).c_str());
    name.erase(0, dot + 1);
  }
  const py::object source = py::eval("lambda: (" + quirk.source + ")", module.attr("__dict__"));
  if (!source().equal(owner.attr(name.c_str()))) return;
  entry.renewals.push_back({to_ref(owner), to_ref(py::str(name)), to_ref(source)});
  entry.own_renewed = true;
}

/// What the quirks say of the module's own names. A line is for those versions of it in which the
/// name holds such a value.
void add_renewals(worker::StashEntry& entry, const Quirks& quirks) {
  for (const RenewalQuirk& quirk : quirks.renewals) {
    if (quirk.module != entry.name) continue;
    try {
      const py::object module = py::reinterpret_borrow<py::object>(entry.module.get());
      if (quirk.source_module.empty()) {
        add_expression(entry, module, quirk);
        continue;
      }
      const py::object now = module.attr(quirk.name.c_str());
      const py::object source =
          module_named(quirk.source_module.c_str()).attr(quirk.source.c_str());
      const py::object value = source.is_none() ? source : source();
      if (value.is_none() || py::type::of(value).is(py::type::of(now)))
        entry.renewals.push_back({to_ref(module), to_ref(py::str(quirk.name)), to_ref(source)});
    } catch (py::error_already_set&) {
      // Another version of the module.
    }
  }
}

/// Whether the interpreter's own modules lie in the folder.
bool is_of_the_library(const std::string& folder) {
  return folder.ends_with("/lib-dynload") ||
         folder == parent_folder(py::str(module_named("os").attr("__file__")));
}

void add_extension_quirks(worker::StashEntry& entry, const Quirks& quirks) {
  entry.once = std::find(quirks.once.begin(), quirks.once.end(), entry.name) != quirks.once.end();
  for (const auto& [module, function] : quirks.import_guards)
    if (module == entry.name) entry.first_import_guard = to_ref(py::str(function));
}

/// Whether the loader is another than importlib's own.
bool is_special(const py::object& loader) {
  const py::object type = py::isinstance<py::type>(loader) ? loader : py::type::of(loader);
  const std::string place = py::str(py::getattr(type, "__module__", py::str("")));
  return !place.starts_with("_frozen_importlib") && !place.starts_with("importlib");
}

/// The finders that a program can have: those of any, and what preloads add for good.
py::list finders_of_programs() {
  const py::list usual = module_named("sys").attr("meta_path");
  py::list all = usual.attr("copy")();
  worker::Stash& stash = worker::stash();
  for (std::size_t i = 0; i < stash.size(); ++i)
    for (const worker::ListEdit& edit : stash.at(static_cast<int>(i)).edits)
      if (edit.list.get() == usual.ptr())
        for (const auto* items : {&edit.front, &edit.back})
          for (const worker::Ref& item : *items) all.append(py::handle(item.get()));
  return all;
}

/// Whether nobody finds the module any more: what brought it had a finder of its own for a while.
bool is_found_by_nobody(const std::string& name, const py::list& finders) {
  py::object path = py::none();
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos) {
    const std::string parent = name.substr(0, dot);
    if (!modules().contains(parent)) return true;
    path = py::getattr(modules()[parent.c_str()], "__path__", py::none());
    if (path.is_none()) return true;
  }
  try {
    for (const py::handle finder : finders)
      if (py::hasattr(finder, "find_spec") && !finder.attr("find_spec")(name, path).is_none())
        return false;
  } catch (py::error_already_set&) {
    return false;  // its finder is there, and says no more
  }
  return true;
}

/// What a second import would not find cannot be imported again.
void note_what_nobody_finds() {
  worker::Stash& stash = worker::stash();
  const py::list finders = finders_of_programs();
  for (std::size_t i = 0; i < stash.size(); ++i) {
    worker::StashEntry& entry = stash.at(static_cast<int>(i));
    const py::object spec = entry.module ? name_in(entry.module.get(), "__spec__") : py::none();
    const py::object loader = spec.is_none() ? spec : py::getattr(spec, "loader", py::none());
    entry.once |=
        !loader.is_none() && is_special(loader) && is_found_by_nobody(entry.name, finders);
  }
}

void describe(worker::StashEntry& entry, const py::object& module, SourceFiles& sources) {
  const py::object spec = name_in(module, "__spec__");
  const py::object file = name_in(module, "__file__");
  if (py::isinstance<py::str>(file)) sources.add(py::str(file));
  const py::object loader = spec.is_none() ? spec : py::getattr(spec, "loader", py::none());
  if (!loader.is_none())
    entry.extension =
        std::string(py::str(py::type::of(loader).attr("__name__"))) == "ExtensionFileLoader";
  const std::string top = entry.name.substr(0, entry.name.find('.'));
  const auto all = modules();
  if (all.contains(top)) entry.found_in = found_in(all[top.c_str()]);
  entry.foreign = entry.extension && !is_of_the_library(entry.found_in);
}

/// Whether a warning was raised for the module's code, shown or not, from C as well.
bool has_warned(const worker::StashEntry& entry) {
  PyObject* const module = entry.module.get();
  return module != nullptr && PyModule_Check(module) != 0 &&
         PyDict_GetItemString(PyModule_GetDict(module), "__warningregistry__") != nullptr;
}

/// What the import of the entry's module left behind.
void add_record(worker::StashEntry& entry, const ImportRecord& record, const Recording& recording) {
  if (recording.show_logger && !record.loggers.empty()) {
    entry.show_logger = to_ref(recording.show_logger);
    for (const py::object& logger : record.loggers) entry.loggers.push_back(to_ref(logger));
  }
  for (const NameChange& change : record.changes)
    entry.changes.push_back({to_ref(change.owner), to_ref(change.name), to_ref(change.after)});
  entry.written = record.written;
  for (const RecordedCall& call : record.calls)
    entry.calls.push_back({to_ref(call.function), to_ref(call.arguments), to_ref(call.keywords)});
  for (const LazyName& lazy : record.lazy_names)
    entry.lazy_names.push_back({to_ref(lazy.name), to_ref(lazy.source), to_ref(lazy.attribute)});
  entry.read_variables = record.variables;
  for (const auto& [arguments, keywords] : record.exit_calls)
    entry.exit_calls.push_back({to_ref(arguments), to_ref(keywords)});
  entry.edits = recording.lists.for_job(record.edits);
  entry.unlogged = record.unlogged;
}

bool asked_for_preloads(const ImportLog& log, const std::string& name) {
  const std::vector<std::string> requests = log.requests_of(name);
  return std::any_of(requests.begin(), requests.end(),
                     [&log](const std::string& one) { return !log.is_known(one); });
}

/// One module under several names: all but that by which it knows itself are aliases.
void join_aliases(const std::vector<std::string>& names) {
  worker::Stash& stash = worker::stash();
  std::map<PyObject*, int> owners;
  for (const auto& [key, module] : modules())
    if (!stash.find(std::string(py::str(key)))) owners.emplace(module.ptr(), -1);
  const auto is_own_name = [](const worker::StashEntry& entry) {
    return name_in(entry.module.get(), "__name__").equal(py::str(entry.name));
  };
  for (const bool own : {true, false})
    for (const std::string& name : names) {
      const int index = *stash.find(name);
      worker::StashEntry& entry = stash.at(index);
      if (!entry.module || is_own_name(entry) != own) continue;
      const auto [owner, first] = owners.try_emplace(entry.module.get(), index);
      if (first) continue;
      entry.alias = true;
      if (owner->second >= 0) stash.graph().join(owner->second, index);
    }
}

/// Who asked for whom, among the preloads and of what everyone has.
void link(const std::vector<std::string>& names, const ImportLog& log) {
  worker::Stash& stash = worker::stash();
  for (const std::string& name : log.known())
    if (name != "__main__" && modules().contains(name) && !stash.find(name))
      stash.add_common(name, modules()[name.c_str()].ptr());
  for (const std::string& name : names)
    for (const std::string& request : log.requests_of(name))
      if (const auto asked = stash.graph().find(request))
        stash.graph().ask(*stash.find(name), *asked);
  join_aliases(names);
  stash.graph().settle();
}

}  // namespace

std::size_t fill_stash(const Recording& recording, SourceFiles& sources) {
  worker::Stash& stash = worker::stash();
  const std::vector<std::string>& order = recording.log.order();
  const std::vector<worker::Ref> keys = adjacent_strings(order);
  std::vector<std::string> added;
  const worker::RunOptions own = worker::own_options();
  std::size_t count = 0;
  bool computes = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string& name = order[i];
    const ImportRecord& record = recording.log.at(name);
    const bool present = modules().contains(name);
    // Of what failed within a package only what it had imported before matters.
    if (!present && name.find('.') != std::string::npos && !asked_for_preloads(recording.log, name))
      continue;
    if (stash.find(name)) continue;
    worker::StashEntry entry;
    entry.name = name;
    entry.key = keys[i];
    if (present) {
      entry.module = to_ref(modules()[name.c_str()]);
      add_renewals(entry, recording.quirks);
      add_extension_quirks(entry, recording.quirks);
      describe(entry, py::reinterpret_borrow<py::object>(entry.module.get()), sources);
      ++count;
    }
    add_record(entry, record, recording);
    entry.unimported = record.unimported;
    if (record.bound_before) entry.bound_before = to_ref(record.bound_before);
    computes |= entry.extension && entry.found_in.find("-packages") != std::string::npos;
    std::set<worker::ProcessFact> facts = record.facts;
    if (has_warned(entry)) facts.insert({worker::FactKind::warnings, 0, {}});
    entry.warned = std::any_of(facts.begin(), facts.end(), [](const worker::ProcessFact& fact) {
      return fact.kind == worker::FactKind::warnings;
    });
    const bool own_renewed = entry.own_renewed;
    const int index = stash.add(std::move(entry));
    for (worker::ProcessFact fact : facts) {
      if (own_renewed && fact.kind == worker::FactKind::own) continue;
      // In a deleted folder the import fails.
      if (own_renewed && fact.kind == worker::FactKind::folder) fact.name = "exists";
      const std::string value = worker::value_of(fact, own);
      stash.add_fact(index, {std::move(fact), value});
    }
    for (const std::string& main_name : record.main_names) stash.add_main_name(index, main_name);
    added.push_back(name);
  }
  note_what_nobody_finds();
  link(added, recording.log);
  stash.set_computes(computes);
  return count;
}

}  // namespace pml::zygote
