#include "zygote/recorder.hpp"

#include <pybind11/eval.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "zygote/heap.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::module_ bootstrap() {
  return py::module_::import("_frozen_importlib");
}
py::dict modules() {
  return py::reinterpret_borrow<py::dict>(PyImport_GetModuleDict());
}
py::module_ module_named(const char* name) {
  return py::module_::import(name);
}

worker::Ref to_ref(const py::object& object) {
  return worker::Ref::borrow(object.ptr());
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// The sys.path entry that a top-level module or package was found in.
std::string found_in(const py::object& module) {
  const py::object spec = py::getattr(module, "__spec__", py::none());
  if (spec.is_none() || !py::getattr(spec, "has_location", py::bool_(false)).cast<bool>())
    return {};
  const std::string origin = py::str(py::getattr(spec, "origin", py::str("")));
  const py::object places = py::getattr(spec, "submodule_search_locations", py::none());
  return places.is_none() ? folder_of(origin) : folder_of(folder_of(origin));
}

/// A dict that tells which keys are looked up; os.environ keeps its values in it meanwhile.
py::object recording_dict(const py::object& values, const py::cpp_function& note) {
  py::dict scope;
  scope["__builtins__"] = module_named("builtins");
  scope["note"] = note;
  py::exec(
      "class environ(dict):\n"
      "    def __getitem__(self, key):\n"
      "        value = dict.get(self, key)\n"
      "        note(key, value)\n"
      "        return dict.__getitem__(self, key)\n"
      "    def __contains__(self, key):\n"
      "        note(key, dict.get(self, key))\n"
      "        return dict.__contains__(self, key)\n",
      scope);
  return scope["environ"](values);
}

/// logging's table of loggers, or null where logging was not imported.
py::object logger_manager() {
  if (!modules().contains("logging")) return {};
  const py::object root = py::getattr(modules()["logging"], "root", py::none());
  return root.is_none() ? py::object() : root.attr("manager");
}

/// A table that does not show the loggers of modules nobody imported, but gives them, and shows
/// them from then on, to whoever asks by name.
py::object hiding_table(const py::dict& shown, const py::dict& hidden) {
  py::dict scope;
  scope["__builtins__"] = module_named("builtins");
  py::exec(
      "class dict(dict):\n"
      "    __slots__ = ('hidden',)\n"
      "    def show(self, name):\n"
      "        if name in self.hidden:\n"
      "            super().__setitem__(name, self.hidden.pop(name))\n"
      "    def __contains__(self, name):\n"
      "        self.show(name)\n"
      "        return super().__contains__(name)\n"
      "    def __getitem__(self, name):\n"
      "        self.show(name)\n"
      "        return super().__getitem__(name)\n"
      "    def get(self, name, default=None):\n"
      "        self.show(name)\n"
      "        return super().get(name, default)\n",
      scope);
  py::object table = scope["dict"](shown);
  table.attr("hidden") = hidden;
  return table;
}

}  // namespace

void Recorder::note_loggers() {
  const py::object manager = logger_manager();
  if (!manager) return;
  for (const auto& [name, logger] : py::dict(manager.attr("loggerDict")))
    if (loggers_seen_.insert(py::str(name)).second)
      current().loggers.push_back(py::reinterpret_borrow<py::object>(name));
}

void Recorder::hide_loggers() {
  const py::object manager = logger_manager();
  if (!manager || loggers_seen_.empty()) return;
  py::dict shown;
  py::dict hidden;
  for (const auto& [name, logger] : py::dict(manager.attr("loggerDict")))
    (loggers_seen_.count(py::str(name)) != 0 ? hidden : shown)[name] = logger;
  loggers_ = hiding_table(shown, hidden);
  manager.attr("loggerDict") = loggers_;
}

namespace {

bool same_object(const py::object& first, const py::object& second) {
  return first.is(second);
}

auto is(const py::object& item) {
  return [&item](const py::object& other) { return other.is(item); };
}

std::vector<py::object> items_of(const py::list& list) {
  std::vector<py::object> items;
  for (const py::handle item : list) items.push_back(py::reinterpret_borrow<py::object>(item));
  return items;
}

/// Takes the item out; false where it is not there.
bool take(std::vector<py::object>& items, const py::object& item) {
  const auto at = std::find_if(items.begin(), items.end(), is(item));
  if (at == items.end()) return false;
  items.erase(at);
  return true;
}

std::vector<worker::Ref> refs_of(const std::vector<py::object>& items) {
  std::vector<worker::Ref> refs;
  refs.reserve(items.size());
  for (const py::object& item : items) refs.push_back(to_ref(item));
  return refs;
}

}  // namespace

void Recorder::watch(const py::list& list) {
  const Items items = items_of(list);
  watched_.push_back({list, items, items});
}

void Recorder::request(const std::string& name) {
  if (known_.count(name) != 0 || (!stack_.empty() && stack_.back() == name)) return;
  Record& record = current();
  if (record.requested.insert(name).second) record.requests.push_back(name);
}

void Recorder::note_names() {
  for (NameChange& change : namespaces_.changes()) {
    current().changes.push_back(change);
    all_changes_.push_back(std::move(change));
  }
}

void Recorder::restore_names() {
  for (auto change = all_changes_.rbegin(); change != all_changes_.rend(); ++change)
    set_name(*change, change->before);
}

void Recorder::note_lists() {
  note_names();
  note_loggers();
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    Watched& watched = watched_[i];
    Items now = items_of(watched.list);
    if (std::equal(now.begin(), now.end(), watched.seen.begin(), watched.seen.end(), same_object))
      continue;
    auto& edits = current().edits;
    Edit& edit = edits[static_cast<int>(i)];
    note_items(edit, watched.seen, now);
    if (edit.empty()) edits.erase(static_cast<int>(i));
    watched.seen = std::move(now);
  }
}

/// Adds to `edit` what leads from the items before to those now.
void Recorder::note_items(Edit& edit, const Items& before, const Items& now) {
  Items kept;
  for (const py::object& item : before) {
    if (std::find_if(now.begin(), now.end(), is(item)) != now.end())
      kept.push_back(item);
    else if (!take(edit.front, item) && !take(edit.back, item))
      edit.removed.push_back(item);  // else it takes back what it had added itself, for a while
  }
  const auto at = std::search(now.begin(), now.end(), kept.begin(), kept.end(), same_object);
  if (at == now.end() && !kept.empty()) return;  // in another order: nothing that lists can tell
  edit.front.insert(edit.front.begin(), now.begin(), at);
  edit.back.insert(edit.back.end(), at + static_cast<std::ptrdiff_t>(kept.size()), now.end());
}

/// A module may put others into sys.modules by itself, unseen by the import system.
void Recorder::note_new_modules() {
  for (const auto& [key, value] : modules()) {
    if (!py::isinstance<py::str>(key)) continue;
    const std::string name = py::str(key);
    if (known_.count(name) != 0 || records_.count(name) != 0) continue;
    if (std::find(stack_.begin(), stack_.end(), name) != stack_.end()) continue;
    order_.push_back(name);
    records_[name];
    request(name);
  }
}

/// All that the module's import brought so far, with the packages.
void Recorder::reach(const std::string& name, std::set<std::string>& reached) const {
  std::vector<std::string> open{name};
  while (!open.empty()) {
    const std::string one = std::move(open.back());
    open.pop_back();
    if (!reached.insert(one).second) continue;
    if (const std::size_t dot = one.rfind('.'); dot != std::string::npos)
      open.push_back(one.substr(0, dot));
    if (const auto record = records_.find(one); record != records_.end())
      open.insert(open.end(), record->second.requests.begin(), record->second.requests.end());
  }
}

/// Takes out of sys.modules what a python3 that imports only this would not have there now. What
/// has no spec was not found by an import and would not be found again.
std::vector<std::string> Recorder::hide_unasked() {
  std::set<std::string> asked;
  for (const std::string& name : stack_) reach(name, asked);
  std::vector<std::string> names;
  for (const auto& [key, module] : modules()) {
    if (!py::isinstance<py::str>(key) || PyModule_Check(module.ptr()) == 0) continue;
    const std::string name = py::str(key);
    if (asked.count(name) != 0 || records_.count(name) == 0 || known_.count(name) != 0 ||
        py::getattr(module, "__spec__", py::none()).is_none())
      continue;
    hidden_[name] = py::reinterpret_borrow<py::object>(module);
    names.push_back(name);
  }
  for (const std::string& name : names) PyDict_DelItemString(modules().ptr(), name.c_str());
  return names;
}

/// Puts the module back, and all that its import brings.
void Recorder::show(const std::string& name) {
  std::set<std::string> names;
  reach(name, names);
  show_again({names.begin(), names.end()});
}

void Recorder::show_again(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = hidden_.find(name);
    if (found == hidden_.end()) continue;
    if (!modules().contains(name)) modules()[name.c_str()] = found->second;
    hidden_.erase(found);
  }
}

/// Modules that C code made for itself and others, as Cython does, with the number of references to
/// them and to their types.
std::map<std::string, Py_ssize_t> Recorder::made_modules() const {
  std::map<std::string, Py_ssize_t> made;
  for (const auto& [key, module] : modules()) {
    if (!py::isinstance<py::str>(key) || PyModule_Check(module.ptr()) == 0) continue;
    const std::string name = py::str(key);
    if (records_.count(name) == 0 || known_.count(name) != 0 ||
        !py::getattr(module, "__spec__", py::none()).is_none())
      continue;
    Py_ssize_t& count = made[name];
    count = Py_REFCNT(module.ptr());
    PyObject *type_name = nullptr, *type = nullptr;
    for (Py_ssize_t at = 0;
         PyDict_Next(PyModule_GetDict(module.ptr()), &at, &type_name, &type) != 0;)
      if (PyType_Check(type) != 0) count += Py_REFCNT(type);
  }
  return made;
}

/// An import written in C shows only where the module is not in sys.modules, and the use of a
/// module that has no file only in the references.
py::object Recorder::run_extension(const py::object& function, const py::args& arguments) {
  if (!active_ || stack_.empty()) return function(*arguments);
  const std::vector<std::string> hidden = hide_unasked();
  const std::map<std::string, Py_ssize_t> made = made_modules();
  Record& record = current();
  auto first =
      static_cast<std::ptrdiff_t>(record.requests.size());  // it is asked for before others
  try {
    py::object result = function(*arguments);
    show_again(hidden);
    const std::map<std::string, Py_ssize_t> now = made_modules();
    for (const auto& [name, count] : made)
      if (const auto found = now.find(name); found != now.end() && found->second > count)
        if (record.requested.insert(name).second)
          record.requests.insert(record.requests.begin() + first++, name);
    return result;
  } catch (py::error_already_set&) {
    show_again(hidden);
    throw;
  }
}

bool Recorder::is_loaded(const std::string& name) const {
  return modules().contains(name) || hidden_.count(name) != 0;
}

py::object Recorder::load(const py::object& name, const py::object& import) {
  if (!active_) return original_load_(name, import);
  const std::string text = py::str(name);
  note_new_modules();
  request(text);
  show(text);
  if (modules().contains(name) || known_.count(text) != 0) return original_load_(name, import);
  note_lists();
  if (records_.count(text) == 0) order_.push_back(text);
  records_[text];
  stack_.push_back(text);
  try {
    if (name.equal(py::str("atexit"))) modules()[name] = atexit_;
    for (const std::string& needed : quirks_.needs_of(text))
      module_named("importlib").attr("import_module")(needed);
    py::object result = original_load_(name, import);
    note_lists();
    note_new_modules();
    stack_.pop_back();
    return result;
  } catch (py::error_already_set&) {
    stack_.pop_back();
    sources_.await(text);
    throw;
  }
}

py::object Recorder::import(const py::args& arguments, const py::kwargs& keywords) {
  py::object result = original_import_(*arguments, **keywords);
  if (!active_) return result;
  const auto argument = [&](std::size_t at, const char* name) -> py::object {
    if (arguments.size() > at) return arguments[at];
    if (keywords.contains(name)) return keywords[name];
    return py::none();
  };
  std::string name = py::str(argument(0, "name"));
  const py::object globals = argument(1, "globals");
  const py::object names = argument(3, "fromlist");
  const py::object level = argument(4, "level");
  if (!level.is_none() && level.cast<int>() > 0) {
    const py::object package = bootstrap().attr("_calc___package__")(globals);
    name = py::str(bootstrap().attr("_resolve_name")(name, package, level));
  }
  request(name);
  const auto request_child = [&](const std::string& child) {
    const std::string full = name + "." + child;
    if (!is_loaded(full)) return;
    request(full);
    show(full);
  };
  if (!names.is_none())
    for (const py::handle item : names) {
      if (!py::isinstance<py::str>(item)) continue;
      const std::string child = py::str(item);
      if (child != "*") {
        request_child(child);
        continue;
      }
      const py::object all = py::getattr(result, "__all__", py::none());
      if (!all.is_none())
        for (const py::handle one : all)
          if (py::isinstance<py::str>(one)) request_child(py::str(one));
    }
  return result;
}

void Recorder::note_variable(const py::bytes& name, const py::object& value) {
  std::optional<std::string> text;
  if (!value.is_none()) text = value.cast<std::string>();
  current().variables.emplace(std::string(name), text);
}

void Recorder::start(const std::vector<std::string_view>& quirks) {
  for (std::string_view line : quirks) quirks_.read(line);
  for (const auto& [key, value] : modules()) known_.insert(py::str(key));
  sources_.note_start();
  const py::module_ sys = module_named("sys");
  watch(module_named("_warnings").attr("filters"));
  watch(sys.attr("meta_path"));
  watch(sys.attr("path_hooks"));
  watch(sys.attr("path"));
  caches_before_ = py::reinterpret_steal<py::dict>(
      PyDict_Copy(py::object(sys.attr("path_importer_cache")).ptr()));
  py::module_ builtins = module_named("builtins");
  py::module_ atexit = module_named("atexit");
  original_load_ = bootstrap().attr("_find_and_load");
  original_import_ = builtins.attr("__import__");
  original_register_ = atexit.attr("register");
  original_register_at_fork_ = module_named("os").attr("register_at_fork");
  load_ = py::cpp_function(
      [this](const py::object& name, const py::object& import) { return load(name, import); });
  import_ = py::cpp_function([this](const py::args& arguments, const py::kwargs& keywords) {
    return import(arguments, keywords);
  });
  register_ = py::cpp_function(
      [this](const py::object& function, const py::args& arguments, const py::kwargs& keywords) {
        if (!active_) return original_register_(function, *arguments, **keywords);
        current().exit_calls.push_back(
            py::make_tuple(with_quirks(function, quirks_.exit_calls), arguments, keywords));
        return function;
      });
  const py::module_ imp = module_named("_imp");
  original_create_ = imp.attr("create_dynamic");
  original_execute_ = imp.attr("exec_dynamic");
  create_ = py::cpp_function(
      [this](const py::args& arguments) { return run_extension(original_create_, arguments); });
  execute_ = py::cpp_function(
      [this](const py::args& arguments) { return run_extension(original_execute_, arguments); });
  imp.attr("create_dynamic") = create_;
  imp.attr("exec_dynamic") = execute_;
  register_at_fork_ =
      py::cpp_function([this](const py::args& arguments, const py::kwargs& functions) {
        return original_register_at_fork_(*arguments, **quirks_.fork_calls_for(functions));
      });
  bootstrap().attr("_find_and_load") = load_;
  builtins.attr("__import__") = import_;
  atexit.attr("register") = register_;
  module_named("os").attr("register_at_fork") = register_at_fork_;
  atexit_ = atexit;
  // C code looks for it in sys.modules, where it is only once somebody has imported it.
  if (known_.count("atexit") == 0) PyDict_DelItemString(modules().ptr(), "atexit");
  const py::object environ = module_named("os").attr("environ");
  original_data_ = environ.attr("_data");
  environ.attr("_data") = recording_dict(
      original_data_, py::cpp_function([this](const py::object& name, const py::object& value) {
        if (py::isinstance<py::bytes>(name)) note_variable(py::bytes(name), value);
      }));
  // After the hooks above, which are changes too.
  for (const std::string& name : known_)
    if (name != "__main__" && modules().contains(name))
      namespaces_.watch(name, modules()[name.c_str()]);
}

void Recorder::restore_lists() {
  for (Watched& watched : watched_) {
    py::list first;
    for (const py::object& item : watched.first) first.append(item);
    PyList_SetSlice(watched.list.ptr(), 0, PyList_Size(watched.list.ptr()), first.ptr());
  }
  module_named("_warnings").attr("_filters_mutated")();
}

namespace {

/// What the quirks say of the module's own names. A line is for those versions of it in which the
/// name holds such a value.
void add_renewals(worker::StashEntry& entry, const Quirks& quirks) {
  for (const RenewalQuirk& quirk : quirks.renewals) {
    if (quirk.module != entry.name) continue;
    try {
      const py::object now =
          py::reinterpret_borrow<py::object>(entry.module.get()).attr(quirk.name.c_str());
      const py::object source =
          py::module_::import(quirk.source_module.c_str()).attr(quirk.source.c_str());
      const py::object value = source.is_none() ? source : source();
      if (value.is_none() || py::type::of(value).is(py::type::of(now)))
        entry.renewals.push_back({to_ref(py::str(quirk.name)), to_ref(source)});
    } catch (py::error_already_set&) {
      // Another version of the module.
    }
  }
}

}  // namespace

void Recorder::describe(worker::StashEntry& entry, const py::object& module) {
  const py::object spec = py::getattr(module, "__spec__", py::none());
  const py::object file = py::getattr(module, "__file__", py::none());
  if (py::isinstance<py::str>(file)) sources_.add(py::str(file));
  const py::object loader = spec.is_none() ? spec : py::getattr(spec, "loader", py::none());
  if (!loader.is_none())
    entry.extension =
        std::string(py::str(py::type::of(loader).attr("__name__"))) == "ExtensionFileLoader";
  const std::string top = entry.name.substr(0, entry.name.find('.'));
  const auto all = modules();
  if (all.contains(top)) entry.found_in = found_in(all[top.c_str()]);
}

void Recorder::fill_stash() {
  worker::Stash& stash = worker::stash();
  const std::string platform = py::str(module_named("sys").attr("prefix"));
  std::vector<std::string> added;
  bool computes = false;
  const std::vector<worker::Ref> keys = adjacent_strings(order_);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const std::string& name = order_[i];
    const bool present = modules().contains(name);
    // Of what failed within a package only what it had imported before matters.
    if (!present && name.find('.') != std::string::npos && records_[name].requests.empty())
      continue;
    if (stash.find(name)) continue;
    worker::StashEntry entry;
    entry.name = name;
    entry.key = keys[i];
    if (present) {
      entry.module = to_ref(modules()[name.c_str()]);
      add_renewals(entry, quirks_);
      describe(entry, py::reinterpret_borrow<py::object>(entry.module.get()));
      ++count_;
    }
    const Record& record = records_[name];
    if (loggers_ && !record.loggers.empty()) {
      entry.show_logger = to_ref(loggers_.attr("show"));
      for (const py::object& logger : record.loggers) entry.loggers.push_back(to_ref(logger));
    }
    for (const NameChange& change : record.changes)
      entry.changes.push_back({to_ref(change.owner), to_ref(change.name), to_ref(change.after)});
    entry.read_variables = record.variables;
    for (const py::tuple& call : record.exit_calls) entry.exit_calls.push_back(to_ref(call));
    for (const auto& [list, edit] : record.edits) {
      entry.edits.push_back({to_ref(watched_[list].list), refs_of(edit.front), refs_of(edit.back),
                             refs_of(edit.removed)});
    }
    computes |= entry.extension && entry.found_in.find("-packages") != std::string::npos;
    stash.add(std::move(entry));
    added.push_back(name);
  }
  for (const std::string& name : added)
    for (const std::string& request : records_[name].requests)
      if (const auto index = stash.find(request))
        stash.at(*stash.find(name)).requests.push_back(*index);
  stash.set_computes(computes);
}

/// A module may have kept a hook as a name of its own: "from atexit import register".
void Recorder::replace_kept_hooks() {
  const std::pair<py::object, py::object> hooks[] = {
      {import_, original_import_},
      {register_, original_register_},
      {register_at_fork_, original_register_at_fork_},
      {create_, original_create_},
      {execute_, original_execute_},
      {load_, original_load_}};
  for (const auto& [name, module] : modules()) {
    if (PyModule_Check(module.ptr()) == 0) continue;
    const py::dict names = py::reinterpret_borrow<py::dict>(PyModule_GetDict(module.ptr()));
    for (const auto& [key, value] : py::reinterpret_steal<py::dict>(PyDict_Copy(names.ptr())))
      for (const auto& [hook, original] : hooks)
        if (value.is(hook)) names[key] = original;
  }
}

void Recorder::finish() {
  note_lists();
  note_new_modules();
  active_ = false;
  bootstrap().attr("_find_and_load") = original_load_;
  module_named("builtins").attr("__import__") = original_import_;
  module_named("_imp").attr("create_dynamic") = original_create_;
  module_named("_imp").attr("exec_dynamic") = original_execute_;
  atexit_.attr("register") = original_register_;
  module_named("os").attr("register_at_fork") = original_register_at_fork_;
  const py::object environ = module_named("os").attr("environ");
  // What preloads set for themselves must not reach a job; each job brings its own environment.
  environ.attr("_data") = original_data_;
  restore_names();
  replace_kept_hooks();
  restore_lists();
  hide_loggers();
  fill_stash();
  sources_.note_missing();
  py::dict caches = module_named("sys").attr("path_importer_cache");
  caches.clear();
  for (const auto& [key, value] : caches_before_) caches[key] = value;
  records_.clear();
}

}  // namespace pml::zygote
