#include "zygote/recorder.hpp"

#include <pybind11/eval.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "worker/interpreter.hpp"
#include "zygote/module_table.hpp"
#include "zygote/process_spy.hpp"
#include "zygote/stash_filler.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::module_ bootstrap() {
  return module_named("_frozen_importlib");
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

/// Of sys. Who replaces a stream does so for all that write to it, which a preload must not find.
bool is_stream_name(const NameChange& change) {
  const std::string name = py::str(change.name);
  return change.owner.is(module_named("sys")) && change.before &&
         (name == "stdin" || name == "stdout" || name == "stderr");
}

}  // namespace

void Recorder::note_names() {
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
void Recorder::keep_changes_of_families() {
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

void Recorder::restore_names() {
  for (auto change = all_changes_.rbegin(); change != all_changes_.rend(); ++change)
    set_name(*change, change->before);
}

bool Recorder::is_harmless(const ProcessQuestion& question) const {
  const auto known = [&](const std::string& name) {
    return quirks_.is_harmless(name, question.fact.kind);
  };
  return std::any_of(question.askers.begin(), question.askers.end(), known) ||
         known(log_.running().back());
}

/// What others than the interpreter's own generator give. Returns whether no process has it in
/// common with another.
bool Recorder::note_generator(const ProcessQuestion& question) {
  const py::object object = py::reinterpret_borrow<py::object>(question.generator);
  const std::string& module = log_.running().back();
  const bool first = modules().contains("random") &&
                     py::getattr(modules()["random"], "_inst", py::none()).is(object);
  if (first) return !question.by_system;
  if (question.seeds) {
    generators_[object.ptr()] = {object, module, question.by_system};
    return false;
  }
  const auto found = generators_.find(object.ptr());
  if (found == generators_.end()) return true;
  if (!found->second.by_system && found->second.module == module) return false;
  log_.note(found->second.module, question.fact);
  return true;
}

worker::Ref Recorder::note_question(const ProcessQuestion& question) {
  if (log_.running().empty() || question.askers.empty()) return {};
  const std::string& asker = question.askers.front();
  if (asker.starts_with("importlib") || asker.starts_with("_frozen_importlib")) return {};
  const std::string& module = log_.running().back();
  if (question.read_file.empty() && question.set_variable.empty() && is_harmless(question))
    return {};
  if (!question.set_variable.empty()) {
    note_set_variable(question);
    return {};
  }
  if (!question.read_file.empty()) {
    sources_.add_read(question.read_file);
    return {};
  }
  if (question.generator != nullptr && (module == "random" || !note_generator(question))) return {};
  log_.note(module, question.fact);
  // It gets the stream that a module which it has imported has put there.
  for (auto replaced = replaced_streams_.rbegin(); replaced != replaced_streams_.rend(); ++replaced)
    if (replaced->name == question.system_name && brings(module, replaced->module))
      return to_ref(replaced->stream);
  return {};
}

/// Its numbers come from compiled code, which is not heard.
void Recorder::note_numpy() {
  const char* const k_module = "numpy.random.mtrand";
  if (!modules().contains(k_module)) return;
  const py::object generator = py::getattr(modules()[k_module], "_rand", py::none());
  if (generator.is_none()) return;
  std::string now;
  try {
    const py::dict all = generator.attr("get_state")(py::arg("legacy") = false);
    const py::dict state = all["state"];
    now = py::bytes(state["key"].attr("tobytes")()).cast<std::string>() +
          std::string(py::str(py::make_tuple(state["pos"], all["has_gauss"], all["gauss"])));
  } catch (py::error_already_set&) {
    return;  // another version
  }
  if (!numpy_state_.empty() && numpy_state_ != now && !log_.running().empty())
    log_.note(log_.running().back(), {worker::FactKind::own, 0, "numpy.random"});
  numpy_state_ = std::move(now);
}

/// Those of the module that others change by calls.
void Recorder::watch_objects(const std::string& module) {
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

void Recorder::note_set_variable(const ProcessQuestion& question) {
  const std::string& name = question.set_variable;
  set_variables_[name] = log_.running().back();
  log_.current().environment[name] = question.variable_value;
}

/// A job makes it as the module leaves it: some set a variable for a while only.
void Recorder::note_environment(ImportRecord& record) {
  const auto text = [](const std::string& bytes) {
    return py::reinterpret_steal<py::object>(
        PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
  };
  const py::object environ = module_named("os").attr("environ");
  for (const auto& [name, value] : record.environment) {
    if (worker::started_with().get(name) == value) continue;
    if (value)
      record.calls.emplace_back(environ.attr("__setitem__"),
                                py::make_tuple(text(name), text(*value)));
    else
      record.calls.emplace_back(environ.attr("pop"), py::make_tuple(text(name), py::none()));
  }
  record.environment.clear();
}

void Recorder::note_variable(const std::string& name, const py::object& value) {
  if (const auto set = set_variables_.find(name); set != set_variables_.end()) {
    // It finds what a module has set that it has imported itself, or that it could not know of.
    if (!log_.running().empty() && !brings(log_.running().back(), set->second))
      log_.note(log_.running().back(), {worker::FactKind::own, 0, "os.environ"});
    return;
  }
  std::optional<std::string> text;
  if (!value.is_none()) text = value.cast<std::string>();
  log_.current().variables.emplace(name, text);
}

/// A logger that nobody has set up: so who asks for it by name finds it.
void Recorder::note_settings_of(const py::object& logger) {
  const std::pair<const char*, py::object> settings[] = {
      {"level", py::int_(0)}, {"propagate", py::bool_(true)}, {"disabled", py::bool_(false)}};
  for (const auto& [name, fresh] : settings) {
    const py::object now = py::getattr(logger, name, py::none());
    if (now.is_none() || now.equal(fresh)) continue;
    log_.current().changes.push_back({logger, py::str(name), fresh, now});
    all_changes_.push_back({logger, py::str(name), fresh, now});
  }
}

void Recorder::note_changes() {
  note_names();
  note_numpy();
  ImportRecord& record = log_.current();
  for (const auto& [name, logger] : loggers_.news()) {
    record.loggers.push_back(name);
    note_settings_of(logger);
    namespaces_.watch_object(logger);
  }
  lists_.note(record.edits);
  settings_.note(record);
}

py::object Recorder::load(const py::object& name, const py::object& import) {
  if (!active_) return original_load_(name, import);
  const std::string text = py::str(name);
  log_.note_new_modules();
  log_.request(text);
  extensions_.show(text);
  if (modules().contains(name) || log_.is_known(text)) return original_load_(name, import);
  note_changes();
  log_.begin(text);
  try {
    if (name.equal(py::str("atexit"))) modules()[name] = atexit_;
    for (const std::string& needed : quirks_.needs_of(text))
      module_named("importlib").attr("import_module")(needed);
    py::object result = original_load_(name, import);
    note_changes();
    note_environment(log_.current());
    log_.note_new_modules();
    log_.end();
    spy_on_functions(text);
    // What those after it change in it is theirs.
    if (modules().contains(name)) namespaces_.watch(text, modules()[name], text);
    watch_objects(text);
    return result;
  } catch (py::error_already_set&) {
    log_.end();
    sources_.await(text);
    throw;
  }
}

void Recorder::request_names(const std::string& package, const py::object& module,
                             const py::object& names) {
  const auto request = [&](const std::string& child) {
    const std::string full = package + "." + child;
    if (!extensions_.is_loaded(full)) return;
    log_.request(full);
    extensions_.show(full);
  };
  for (const py::handle item : names) {
    if (!py::isinstance<py::str>(item)) continue;
    const std::string child = py::str(item);
    if (child != "*") {
      request(child);
      continue;
    }
    const py::object all = py::getattr(module, "__all__", py::none());
    if (!all.is_none())
      for (const py::handle one : all)
        if (py::isinstance<py::str>(one)) request(py::str(one));
  }
}

/// Its names are another program's; that it lacks some can be looked for.
void Recorder::note_main(const py::object& names) {
  if (log_.running().empty()) return;
  const py::object main = modules()["__main__"];
  std::set<std::string> absent;
  if (!names.is_none())
    for (const py::handle item : names)
      if (py::isinstance<py::str>(item) && !py::hasattr(main, item)) absent.insert(py::str(item));
  if (absent.empty() || absent.size() != py::len(names))
    log_.note(log_.running().back(), {worker::FactKind::own, 0, "__main__"});
  else
    log_.current().main_names.merge(absent);
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
  log_.request(name);
  if (name == "__main__") note_main(names);
  if (!names.is_none()) request_names(name, result, names);
  return result;
}

py::object Recorder::hook(const py::object& owner, const char* name, py::object replacement) {
  py::object original = owner.attr(name);
  owner.attr(name) = replacement;
  hooks_.push_back({owner, name, original, std::move(replacement)});
  return original;
}

void Recorder::hook_imports() {
  original_load_ = hook(bootstrap(), "_find_and_load",
                        py::cpp_function([this](const py::object& name, const py::object& import) {
                          return load(name, import);
                        }));
  original_import_ =
      hook(module_named("builtins"), "__import__",
           py::cpp_function([this](const py::args& arguments, const py::kwargs& keywords) {
             return import(arguments, keywords);
           }));
  for (const char* name : {"create_dynamic", "exec_dynamic"}) {
    const py::object original = module_named("_imp").attr(name);
    hook(module_named("_imp"), name, py::cpp_function([this, original](const py::args& arguments) {
           return active_ ? extensions_.run(original, arguments) : original(*arguments);
         }));
  }
}

void Recorder::hook_registrations() {
  // C code looks for it in sys.modules, where it is only once somebody has imported it.
  if (!log_.is_known("atexit")) PyDict_DelItemString(modules().ptr(), "atexit");
  original_register_ =
      hook(atexit_, "register",
           py::cpp_function([this](const py::object& function, const py::args& arguments,
                                   const py::kwargs& keywords) {
             if (!active_) return original_register_(function, *arguments, **keywords);
             log_.current().exit_calls.push_back(
                 py::make_tuple(with_quirks(function, quirks_.exit_calls), arguments, keywords));
             return function;
           }));
  const py::object original = module_named("os").attr("register_at_fork");
  hook(module_named("os"), "register_at_fork",
       py::cpp_function([this, original](const py::args& arguments, const py::kwargs& functions) {
         return original(*arguments, **quirks_.fork_calls_for(functions));
       }));
}

void Recorder::hook_environment() {
  const py::object environ = module_named("os").attr("environ");
  original_data_ = environ.attr("_data");
  environ.attr("_data") = recording_dict(
      original_data_, py::cpp_function([this](const py::object& name, const py::object& value) {
        if (py::isinstance<py::bytes>(name)) note_variable(py::bytes(name), value);
      }));
}

void Recorder::start(const std::vector<std::string_view>& quirks) {
  for (std::string_view line : quirks) quirks_.read(line);
  log_.start();
  sources_.note_start();
  const py::module_ sys = module_named("sys");
  lists_.add(module_named("_warnings").attr("filters"));
  for (const char* name : {"meta_path", "path_hooks", "path"}) lists_.add(sys.attr(name));
  caches_before_ = py::reinterpret_steal<py::dict>(
      PyDict_Copy(py::object(sys.attr("path_importer_cache")).ptr()));
  atexit_ = module_named("atexit");
  settings_.start();
  hook_imports();
  hook_registrations();
  hook_environment();
  start_process_spy([this](const ProcessQuestion& question) { return note_question(question); });
  // After the hooks, which are changes too.
  for (const std::string& name : log_.known())
    if (name != "__main__" && modules().contains(name)) {
      namespaces_.watch(name, modules()[name.c_str()], {});
      watch_objects(name);
    }
}

/// A module may have kept a hook as a name of its own: "from atexit import register".
void Recorder::replace_kept_hooks() {
  for (const auto& [name, module] : modules()) {
    if (PyModule_Check(module.ptr()) == 0) continue;
    const py::dict names = py::reinterpret_borrow<py::dict>(PyModule_GetDict(module.ptr()));
    for (const auto& [key, value] : py::reinterpret_steal<py::dict>(PyDict_Copy(names.ptr())))
      for (const Hook& hook : hooks_)
        if (value.is(hook.replacement)) names[key] = hook.original;
  }
}

void Recorder::finish() {
  note_changes();
  log_.note_new_modules();
  active_ = false;
  stop_process_spy();
  for (const Hook& hook : hooks_) hook.owner.attr(hook.name) = hook.original;
  // What preloads set for themselves must not reach a job; each job brings its own environment.
  module_named("os").attr("environ").attr("_data") = original_data_;
  keep_changes_of_families();
  restore_names();
  settings_.restore();
  replace_kept_hooks();
  lists_.restore();
  module_named("_warnings").attr("_filters_mutated")();
  loggers_.hide();
  count_ = fill_stash({log_, lists_, quirks_, loggers_.show()}, sources_);
  renew_generators();
  sources_.note_missing();
  py::dict caches = module_named("sys").attr("path_importer_cache");
  caches.clear();
  for (const auto& [key, value] : caches_before_) caches[key] = value;
}

/// Of those that are still in use.
void Recorder::renew_generators() {
  worker::Stash& stash = worker::stash();
  for (const auto& [address, generator] : generators_)
    if (const auto index = stash.find(generator.module);
        index && generator.by_system && Py_REFCNT(address) > 1)
      stash.at(*index).generators.push_back(to_ref(generator.object));
  generators_.clear();
}

namespace {

/// The first question of the kind that one program's answer is of no use to another.
std::optional<std::string> unshareable_question(const ImportRecord& record) {
  for (const worker::ProcessFact& fact : record.facts) {
    if (fact.kind == worker::FactKind::own) return fact.name;
    if (fact.kind == worker::FactKind::folder) return "the current folder";
  }
  return std::nullopt;
}

}  // namespace

void Recorder::forget() {
  log_.clear();
  all_changes_.clear();
  replaced_streams_.clear();
  namespaces_.clear();
}

Recorder::Division Recorder::divide() const {
  Division division;
  std::set<std::string> excluded;
  for (const std::string& name : log_.order()) {
    const auto question = unshareable_question(log_.at(name));
    const auto index = worker::stash().find(name);
    if (!question || !index || worker::stash().at(*index).own_renewed) continue;
    division.unshareable.push_back({name, *question});
  }
  for (const std::string& name : log_.order()) {
    std::set<std::string> reached;
    log_.reach(name, reached);
    for (const auto& [module, question] : division.unshareable)
      if (reached.count(module) != 0) excluded.insert(name);
  }
  for (const std::string& name : log_.order())
    for (const std::string& one : excluded)
      if (excluded.count(name) == 0 && log_.at(one).requested.count(name) != 0) {
        division.pieces.push_back(name);
        break;
      }
  division.excluded.assign(excluded.begin(), excluded.end());
  return division;
}

bool Recorder::brings(const std::string& name, const std::string& other) const {
  std::set<std::string> reached;
  log_.reach(name, reached);
  return reached.count(other) != 0;
}

}  // namespace pml::zygote
