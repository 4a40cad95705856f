#include "zygote/questions/question_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "worker/derived_variables.hpp"
#include "worker/interpreter.hpp"
#include "worker/stash.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

bool QuestionLog::is_harmless(const ProcessQuestion& question) const {
  const auto known = [&](const std::string& name) {
    return quirks_.is_harmless(name, question.fact.kind);
  };
  return std::any_of(question.askers.begin(), question.askers.end(), known) ||
         known(log_.running().back());
}

/// What others than the interpreter's own generator give. Returns whether no process has it in
/// common with another.
bool QuestionLog::note_generator(const ProcessQuestion& question) {
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

worker::Ref QuestionLog::note(const ProcessQuestion& question) {
  if (log_.running().empty() || question.askers.empty()) return {};
  const std::string& asker = question.askers.front();
  const std::string& module = log_.running().back();
  if (question.system_name == std::string_view("path")) {
    if (asker == "importlib.metadata") log_.note(module, {worker::FactKind::added_folders, 0, {}});
    if (asker == "pkgutil" && question.function == "extend_path") {
      log_.note(module, {worker::FactKind::added_folders, 0, module});
      return {};
    }
  }
  if (asker.starts_with("importlib") || asker.starts_with("_frozen_importlib")) return {};
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
  const auto& streams = changes_.replaced_streams();
  for (auto replaced = streams.rbegin(); replaced != streams.rend(); ++replaced)
    if (replaced->name == question.system_name && log_.brings(module, replaced->module))
      return to_ref(replaced->stream);
  return {};
}

/// Its numbers come from compiled code, which is not heard.
void QuestionLog::note_numpy() {
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

void QuestionLog::note_set_variable(const ProcessQuestion& question) {
  const std::string& name = question.set_variable;
  set_variables_[name] = log_.running().back();
  log_.current().environment[name] = question.variable_value;
}

/// A job makes it as the module leaves it: some set a variable for a while only.
void QuestionLog::note_environment() {
  ImportRecord& record = log_.current();
  const auto text = [](const std::string& bytes) {
    return py::reinterpret_steal<py::object>(
        PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
  };
  const py::object environ = module_named("os").attr("environ");
  for (const auto& [name, value] : record.environment) {
    if (worker::started_with().get(name) == value) continue;
    if (value)
      record.calls.push_back(
          {environ.attr("__setitem__"), py::make_tuple(text(name), text(*value))});
    else
      record.calls.push_back({environ.attr("pop"), py::make_tuple(text(name), py::none())});
  }
  record.environment.clear();
}

namespace {

/// The frame of the function, if it is one of those that ask.
py::object frame_of(const char* module, const char* function) {
  if (!modules().contains(module)) return py::none();
  py::object code = module_named(module);
  for (std::string_view path = function; !path.empty();) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    code = py::getattr(code, std::string(path.substr(0, dot)).c_str(), py::none());
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  code = py::getattr(code, "__code__", py::none());
  auto frame = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  for (int depth = 0; frame && depth < 8; ++depth) {
    auto* const raw = reinterpret_cast<PyFrameObject*>(frame.ptr());
    if (code.is(
            py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(raw)))))
      return frame;
    frame = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetBack(raw)));
  }
  return py::none();
}

/// A local variable of the function that asks, if it is the name of a program without a folder.
std::string program_in(const char* module, const char* function, const char* local) {
  const py::object frame = frame_of(module, function);
  if (frame.is_none()) return {};
  const py::object locals = frame.attr("f_locals");
  // shutil.which can be asked for other files than those that can be executed.
  if (locals.contains("mode") && !py::object(locals["mode"]).equal(py::int_(X_OK))) return {};
  const py::object value = locals[local];
  if (!py::isinstance<py::str>(value) && !py::isinstance<py::bytes>(value)) return {};
  std::string name = value.cast<std::string>();
  return name.find('/') == std::string::npos ? name : std::string();
}

/// What is made of the variable by the function of Python's own that asks for it; else its name.
std::string derived_name(const std::string& name) {
  if (name == "HOME" && !frame_of("posixpath", "expanduser").is_none()) return worker::k_home;
  if (name != "PATH") return name;
  if (const auto program = program_in("subprocess", "Popen._execute_child", "executable");
      !program.empty())
    return worker::k_runs + program;
  if (const auto program = program_in("shutil", "which", "cmd"); !program.empty())
    return worker::k_which + program;
  return name;
}

}  // namespace

void QuestionLog::note_variable(const std::string& name, const py::object& value) {
  if (const auto set = set_variables_.find(name); set != set_variables_.end()) {
    // It finds what a module has set that it has imported itself, or that it could not know of.
    if (!log_.running().empty() && !log_.brings(log_.running().back(), set->second))
      log_.note(log_.running().back(), {worker::FactKind::own, 0, "os.environ"});
    return;
  }
  std::optional<std::string> text;
  if (!value.is_none()) text = value.cast<std::string>();
  const std::string derived = derived_name(name);
  if (derived != name)
    text =
        worker::derived_value(derived, [&](const std::string& other) -> std::optional<std::string> {
          if (other == name) return text;
          const auto started = worker::started_with().get(other);
          return started ? std::optional<std::string>(*started) : std::nullopt;
        });
  log_.current().variables.emplace(derived, text);
}

/// Its names are another program's; that it lacks some can be looked for.
void QuestionLog::note_main(const py::object& names) {
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

/// Of those that are still in use.
void QuestionLog::renew_generators() {
  worker::Stash& stash = worker::stash();
  for (const auto& [address, generator] : generators_)
    if (const auto index = stash.find(generator.module);
        index && generator.by_system && Py_REFCNT(address) > 1)
      stash.at(*index).generators.push_back(to_ref(generator.object));
  generators_.clear();
}

}  // namespace pml::zygote
