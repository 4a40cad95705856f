#include "zygote/changes/setting_watch.hpp"

#include <sys/stat.h>

#include <clocale>

#include "worker/compat/lazy.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

unsigned current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

/// As arguments of the function that sets it.
py::tuple arguments_of(const py::object& value) {
  return py::isinstance<py::tuple>(value) ? py::reinterpret_borrow<py::tuple>(value)
                                          : py::make_tuple(value);
}

/// The function of a module that is imported; null where the module, or the function, is not there.
py::object function_in(const char* module, const char* name) {
  if (!modules().contains(module)) return {};
  // Not as an attribute: that would count as asked for by the import that is looked at.
  const py::object found = name_in(modules()[module], name);
  return found.is_none() ? py::object() : found;
}

py::object value_in(const char* module, const char* get) {
  const py::object function = function_in(module, get);
  return function ? function() : py::object();
}

/// Who has made itself known to sys.monitoring, which 3.12 and later have.
py::object monitoring_tools() {
  constexpr int k_tools = 6;
  const py::object monitoring = function_in("sys", "monitoring");
  if (!monitoring) return {};
  py::tuple tools(k_tools);
  for (int tool = 0; tool < k_tools; ++tool) tools[tool] = monitoring.attr("get_tool")(tool);
  return tools;
}

/// Who is called when the collector runs.
py::object collector_calls() {
  const py::object calls = function_in("gc", "callbacks");
  return calls ? py::tuple(calls) : py::object();
}

/// gc is switched by functions without arguments.
std::pair<py::object, py::tuple> call_for(const char* module, const char* set,
                                          const py::object& value) {
  if (std::string(set) == "enable")
    return {function_in(module, value.cast<bool>() ? "enable" : "disable"), py::tuple()};
  return {function_in(module, set), arguments_of(value)};
}

}  // namespace

void SettingWatch::start() {
  constexpr std::pair<const char*, std::pair<const char*, const char*>> k_settings[] = {
      {"sys", {"getrecursionlimit", "setrecursionlimit"}},
      {"sys", {"getswitchinterval", "setswitchinterval"}},
      {"sys", {"get_int_max_str_digits", "set_int_max_str_digits"}},
      {"sys", {"getprofile", "setprofile"}},
      {"sys", {"gettrace", "settrace"}},
      {"sys", {"get_asyncgen_hooks", "set_asyncgen_hooks"}},
      {"sys", {"get_coroutine_origin_tracking_depth", "set_coroutine_origin_tracking_depth"}},
      {"gc", {"isenabled", "enable"}},
      {"gc", {"get_threshold", "set_threshold"}},
      {"_socket", {"getdefaulttimeout", "setdefaulttimeout"}},
      {"_thread", {"stack_size", "stack_size"}},
      {"_csv", {"field_size_limit", "field_size_limit"}},
  };
  for (const auto& [module, names] : k_settings) {
    const py::object value = value_in(module, names.first);
    settings_.push_back({module, names.first, names.second, value, value});
  }
  locale_ = std::setlocale(LC_ALL, nullptr);
  umask_ = current_umask();
  observers_ = {
      {"sys.setdlopenflags", [] { return value_in("sys", "getdlopenflags"); }, {}},
      {"sys.activate_stack_trampoline",
       [] { return value_in("sys", "is_stack_trampoline_active"); },
       {}},
      {"sys.monitoring", monitoring_tools, {}},
      {"gc.set_debug", [] { return value_in("gc", "get_debug"); }, {}},
      {"gc.callbacks", collector_calls, {}},
  };
  for (Observer& observer : observers_) observer.seen = observer.look();
  context_ = py::reinterpret_steal<py::object>(PyContext_CopyCurrent());
  if (!context_ || PyContext_Enter(context_.ptr()) != 0) throw py::error_already_set();
}

void SettingWatch::note_setting(Setting& setting, ImportRecord& record) {
  const py::object now = value_in(setting.module, setting.get);
  if (!now || (setting.seen && now.equal(setting.seen))) return;
  const bool changed = bool(setting.seen);
  if (!setting.first) setting.first = now;
  setting.seen = now;
  if (!changed) return;
  const auto [function, arguments] = call_for(setting.module, setting.set, now);
  record.calls.push_back({function, arguments});
}

void SettingWatch::note_context(ImportRecord& record) {
  const py::object now = py::reinterpret_steal<py::object>(PyContext_CopyCurrent());
  for (const py::handle item : now.attr("items")()) {
    const auto pair = py::reinterpret_borrow<py::tuple>(item);
    const py::object variable = pair[0];
    const py::object value = pair[1];
    bool known = false;
    for (auto& [seen, old] : variables_) {
      if (!seen.is(variable)) continue;
      known = true;
      if (old.is(value)) continue;
      old = value;
      record.calls.push_back({variable.attr("set"), py::make_tuple(value)});
    }
    if (known) continue;
    variables_.emplace_back(variable, value);
    record.calls.push_back({variable.attr("set"), py::make_tuple(value)});
  }
}

void SettingWatch::note_process(ImportRecord& record) {
  if (const std::string locale = std::setlocale(LC_ALL, nullptr); locale != locale_) {
    std::setlocale(LC_ALL, locale_.c_str());
    record.facts.insert({worker::FactKind::own, 0, "locale.setlocale"});
  }
  if (const unsigned mask = current_umask(); mask != umask_) {
    ::umask(umask_);
    record.facts.insert({worker::FactKind::own, 0, "os.umask"});
  }
  if (!worker::compat::lazy_imports_are_usual()) {
    if (!worker::compat::make_lazy_imports_usual()) throw py::error_already_set();
    record.facts.insert({worker::FactKind::own, 0, "sys.set_lazy_imports"});
  }
}

void SettingWatch::note_observers(ImportRecord& record) {
  for (Observer& observer : observers_) {
    const py::object now = observer.look();
    if (!now || (observer.seen && now.equal(observer.seen))) continue;
    if (observer.seen) record.facts.insert({worker::FactKind::own, 0, observer.name});
    observer.seen = now;
  }
}

void SettingWatch::note(ImportRecord& record) {
  for (Setting& setting : settings_) note_setting(setting, record);
  note_context(record);
  note_process(record);
  note_observers(record);
}

void SettingWatch::restore() {
  for (const Setting& setting : settings_) {
    if (!setting.first || setting.seen.equal(setting.first)) continue;
    const auto [function, arguments] = call_for(setting.module, setting.set, setting.first);
    if (function) function(*arguments);
  }
  if (PyContext_Exit(context_.ptr()) != 0) throw py::error_already_set();
  context_ = {};
  variables_.clear();
}

}  // namespace pml::zygote
