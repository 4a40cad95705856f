#include "zygote/imports/recorder.hpp"

#include <pybind11/eval.h>

#include <string_view>
#include <utility>

#include "worker/compat/lazy.hpp"
#include "worker/kept_file.hpp"
#include "zygote/callback_file.hpp"
#include "zygote/module_table.hpp"
#include "zygote/questions/function_keys.hpp"
#include "zygote/questions/process_spy.hpp"
#include "zygote/stash_filler.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::module_ bootstrap() {
  return module_named("_frozen_importlib");
}

/// A dict that tells which keys are looked up, and where all are; os.environ keeps its values in it
/// meanwhile.
py::object recording_dict(const py::object& values, const py::cpp_function& note,
                          const py::cpp_function& note_all) {
  py::dict scope;
  scope["__builtins__"] = module_named("builtins");
  scope["note"] = note;
  scope["note_all"] = note_all;
  py::exec(
      "class environ(dict):\n"
      "    def __getitem__(self, key):\n"
      "        value = dict.get(self, key)\n"
      "        note(key, value)\n"
      "        return dict.__getitem__(self, key)\n"
      "    def __contains__(self, key):\n"
      "        note(key, dict.get(self, key))\n"
      "        return dict.__contains__(self, key)\n"
      "    def __iter__(self):\n"
      "        note_all()\n"
      "        return dict.__iter__(self)\n"
      "    def items(self):\n"
      "        note_all()\n"
      "        return dict.items(self)\n"
      "    def copy(self):\n"
      "        note_all()\n"
      "        return dict.copy(self)\n",
      scope);
  return scope["environ"](values);
}

/// The absolute name of the module that __import__ and its like are called for, and the names that
/// are wanted of it.
std::pair<std::string, py::object> asked_for(const py::args& arguments,
                                             const py::kwargs& keywords) {
  const auto argument = [&](std::size_t at, const char* name) -> py::object {
    if (arguments.size() > at) return arguments[at];
    if (keywords.contains(name)) return keywords[name];
    return py::none();
  };
  std::string name = py::str(argument(0, "name"));
  const py::object level = argument(4, "level");
  if (!level.is_none() && level.cast<int>() > 0) {
    const py::object package = bootstrap().attr("_calc___package__")(argument(1, "globals"));
    name = py::str(bootstrap().attr("_resolve_name")(name, package, level));
  }
  return {name, argument(3, "fromlist")};
}

}  // namespace

void Recorder::note_changes() {
  changes_.note();
  lazy_.note_resolved();
  codecs_.forget();
  questions_.note_numpy();
}

namespace {

/// What the module's package, imported by `import` where it is not there, has under its name; null
/// where it has nothing.
py::object bound_already(const std::string& name, const py::object& import) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {};
  const std::string package_name = name.substr(0, dot);
  if (!modules().contains(package_name)) import(package_name);
  PyObject* const package = PyDict_GetItemString(modules().ptr(), package_name.c_str());
  if (package == nullptr || PyModule_Check(package) == 0) return {};
  return py::reinterpret_borrow<py::object>(
      PyDict_GetItemString(PyModule_GetDict(package), name.c_str() + dot + 1));
}

}  // namespace

py::object Recorder::load(const py::object& name, const py::object& import,
                          const py::kwargs& keywords) {
  if (!active_) return original_load_(name, import, **keywords);
  lazy_.release();
  const std::string text = py::str(name);
  log_.note_new_modules();
  log_.request(text);
  extensions_.show(text);
  if (modules().contains(name) || log_.is_known(text))
    return original_load_(name, import, **keywords);
  note_changes();
  const bool again = log_.is_recorded(text);  // taken out of sys.modules meanwhile
  log_.begin(text);
  try {
    if (name.equal(py::str("atexit"))) modules()[name] = atexit_;
    for (const std::string& needed : quirks_.needs_of(text))
      module_named("importlib").attr("import_module")(needed);
    if (py::object bound = bound_already(text, import); !again)
      log_.at(text).bound_before = std::move(bound);
    py::object result = original_load_(name, import, **keywords);
    lazy_.release();
    note_changes();
    questions_.note_environment();
    log_.note_new_modules();
    log_.end();
    lazy_.note_names(text);
    spy_on_functions(text);
    changes_.watch_module(text);
    return result;
  } catch (py::error_already_set&) {
    lazy_.release();
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
    const py::object all = name_in(module, "__all__");
    if (!all.is_none())
      for (const py::handle one : all)
        if (py::isinstance<py::str>(one)) request(py::str(one));
  }
}

py::object Recorder::import(const py::args& arguments, const py::kwargs& keywords) {
  lazy_.release();
  py::object result = original_import_(*arguments, **keywords);
  if (!active_) return result;
  const auto [name, names] = asked_for(arguments, keywords);
  log_.request(name);
  if (name == "__main__") questions_.note_main(names);
  if (!names.is_none()) request_names(name, result, names);
  return result;
}

py::object Recorder::import_lazily(const py::args& arguments, const py::kwargs& keywords) {
  if (active_) {
    const auto [name, names] = asked_for(arguments, keywords);
    lazy_.note(name, names);
  }
  return original_lazy_import_(*arguments, **keywords);
}

py::object Recorder::hook(const py::object& owner, const char* name, py::object replacement) {
  py::object original = owner.attr(name);
  owner.attr(name) = replacement;
  hooks_.push_back({owner, name, original, std::move(replacement)});
  return original;
}

void Recorder::hook_imports() {
  original_load_ = hook(bootstrap(), "_find_and_load",
                        py::cpp_function([this](const py::object& name, const py::object& import,
                                                const py::kwargs& keywords) {
                          return load(name, import, keywords);
                        }));
  original_import_ =
      hook(module_named("builtins"), "__import__",
           py::cpp_function([this](const py::args& arguments, const py::kwargs& keywords) {
             return import(arguments, keywords);
           }));
  hook_lazy_imports();
  for (const char* name : {"create_dynamic", "exec_dynamic"}) {
    const py::object original = module_named("_imp").attr(name);
    hook(module_named("_imp"), name,
         py::cpp_function([this, original, name](const py::args& arguments) {
           py::object result =
               active_ ? extensions_.run(original, arguments) : original(*arguments);
           reserve_callback_file();
           if (active_ && std::string_view(name) == "create_dynamic") note_callbacks(arguments);
           return result;
         }));
  }
}

void Recorder::hook_lazy_imports() {
  if (worker::compat::lazy_modules() == nullptr) return;
  original_lazy_import_ =
      hook(module_named("builtins"), "__lazy_import__",
           py::cpp_function([this](const py::args& arguments, const py::kwargs& keywords) {
             return import_lazily(arguments, keywords);
           }));
}

/// A job that imports a shared object which uses libffi has its file. ctypes uses it at once.
void Recorder::note_callbacks(const py::args& arguments) {
  if (worker::kept_file() < 0 || arguments.empty()) return;
  const py::object spec = arguments[0];
  if (!uses_callbacks(py::str(py::getattr(spec, "origin", py::str(""))))) return;
  const bool at_once = py::getattr(spec, "name", py::none()).equal(py::str("_ctypes"));
  log_.current().calls.push_back(
      {py::cpp_function(&worker::open_kept_file), py::make_tuple(at_once)});
}

void Recorder::hook_registrations() {
  // C code looks for it in sys.modules, where it is only once somebody has imported it.
  if (!log_.is_known("atexit")) PyDict_DelItemString(modules().ptr(), "atexit");
  original_register_ =
      hook(atexit_, "register",
           py::cpp_function([this](const py::object& function, const py::args& arguments,
                                   const py::kwargs& keywords) {
             if (!active_) return original_register_(function, *arguments, **keywords);
             log_.current().exit_calls.emplace_back(
                 py::make_tuple(with_quirks(function, quirks_.exit_calls)) + arguments, keywords);
             return function;
           }));
  const py::object original = module_named("os").attr("register_at_fork");
  // The pool's own forks are none of the program's, and a job that does not import the module has
  // no such call.
  hook(module_named("os"), "register_at_fork",
       py::cpp_function([this, original](const py::args& arguments, const py::kwargs& functions) {
         if (!active_) return original(*arguments, **functions);
         log_.current().calls.push_back({original, arguments, functions});
         return py::object(py::none());
       }));
  // A job that does not import the module has the class registered nonetheless.
  const py::object enrol = module_named("abc").attr("_abc_register");
  hook(module_named("abc"), "_abc_register",
       py::cpp_function([this, enrol](const py::object& group, const py::object& member) {
         py::object result = enrol(group, member);
         if (active_) changes_.enrolments().note_class(group, member);
         return result;
       }));
}

/// A module is another where a module that it looked for is there.
void Recorder::hook_searches() {
  const py::object original = module_named("importlib.util").attr("_find_spec");
  hook(module_named("importlib.util"), "_find_spec",
       py::cpp_function([this, original](const py::args& arguments) {
         py::object spec = original(*arguments);
         if (active_ && spec.is_none() && !log_.running().empty() && !arguments.empty())
           note_absent(py::str(arguments[0]));
         return spec;
       }));
}

void Recorder::note_absent(const std::string& name) {
  sources_.await(name);
  if (modules().contains(name)) return;
  log_.request(name);
  log_.begin(name);
  log_.end();
}

void Recorder::hook_environment() {
  const py::object environ = module_named("os").attr("environ");
  original_data_ = environ.attr("_data");
  environ.attr("_data") = recording_dict(
      original_data_, py::cpp_function([this](const py::object& name, const py::object& value) {
        if (py::isinstance<py::bytes>(name)) questions_.note_variable(py::bytes(name), value);
      }),
      py::cpp_function([this] {
        // Which of them matter nobody can tell, nor which are not there.
        if (!log_.running().empty())
          log_.note(log_.running().back(), {worker::FactKind::own, 0, "all of os.environ"});
      }));
  // The same values, asked for by bytes.
  module_named("os").attr("environb").attr("_data") = environ.attr("_data");
}

void Recorder::start(const std::vector<std::string_view>& quirks) {
  for (std::string_view line : quirks) quirks_.read(line);
  log_.start();
  sources_.note_start();
  changes_.start();
  lazy_.start();
  codecs_.start();
  caches_before_ = py::reinterpret_steal<py::dict>(
      PyDict_Copy(py::object(module_named("sys").attr("path_importer_cache")).ptr()));
  atexit_ = module_named("atexit");
  hook_imports();
  hook_registrations();
  hook_environment();
  start_process_spy([this](const ProcessQuestion& question) { return questions_.note(question); },
                    [this](PyObject* module, PyObject* name) {
                      if (!log_.running().empty()) taken_.note(module, name, log_.running().back());
                    });
  rehash_function_keys();
  // After the hooks, which are changes too.
  changes_.start_names();
}

void Recorder::end_threads() {
  for (const ThreadQuirk& quirk : quirks_.threads) {
    if (!log_.is_recorded(quirk.module) || ended_threads_.contains(quirk.module)) continue;
    try {
      const py::object names = modules()[quirk.module.c_str()].attr("__dict__");
      const py::object end = py::eval("lambda: (" + quirk.ended_by + ")", names);
      const py::object begin = py::eval("lambda was: (" + quirk.begun_by + ")", names);
      log_.at(quirk.module).calls.push_back({begin, py::make_tuple(end())});
      ended_threads_.insert(quirk.module);
    } catch (py::error_already_set&) {
      // Another version of the module, or one that is not whole yet: its threads are found.
    }
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

/// What mypyc compiles together keeps what it imports in one place: who comes second imports
/// nothing.
void Recorder::note_groups() {
  std::map<std::string, std::vector<std::string>> groups;
  for (const std::string& name : log_.order())
    for (const std::string& asked : log_.requests_of(name))
      if (asked.ends_with("__mypyc")) groups[asked].push_back(name);
  for (const auto& [group, members] : groups)
    if (members.size() > 1)
      for (const std::string& member : members)
        log_.note(member, {worker::FactKind::own, 0, "code that others are compiled into"});
}

void Recorder::finish() {
  note_changes();
  log_.note_new_modules();
  active_ = false;
  stop_process_spy();
  rehash_function_keys();
  for (const Hook& hook : hooks_) hook.owner.attr(hook.name) = hook.original;
  // What preloads set for themselves must not reach a job; each job brings its own environment.
  for (const char* name : {"environ", "environb"})
    module_named("os").attr(name).attr("_data") = original_data_;
  note_groups();
  changes_.restore();
  lazy_.restore();
  codecs_.restore();
  replace_kept_hooks();
  count_ = fill_stash({log_, changes_.lists(), quirks_, changes_.show_logger()}, sources_);
  taken_.give_to_stash();
  questions_.renew_generators();
  sources_.note_missing();
  py::dict caches = module_named("sys").attr("path_importer_cache");
  caches.clear();
  for (const auto& [key, value] : caches_before_) caches[key] = value;
}

void Recorder::forget() {
  log_.clear();
  changes_.forget();
  taken_.clear();
}

}  // namespace pml::zygote
