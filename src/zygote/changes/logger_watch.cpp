#include "zygote/changes/logger_watch.hpp"

#include <pybind11/eval.h>

#include "worker/stash.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// What has logging's table of loggers, or null where logging was not imported.
py::object logger_manager() {
  if (!modules().contains("logging")) return {};
  const py::object root = py::getattr(modules()["logging"], "root", py::none());
  return root.is_none() ? py::object() : root.attr("manager");
}

/// A table that does not show the loggers of modules nobody imported, but gives them, and shows
/// them from then on, to whoever asks by name.
py::object hiding_table(const py::dict& shown, const py::dict& hidden) {
  const auto& logging = worker::stash().guard().logging();
  py::dict scope;
  scope["__builtins__"] = module_named("builtins");
  scope["makes_usual_loggers"] =
      py::cpp_function([&logging] { return logging.makes_usual_loggers(); });
  py::exec(
      "class dict(dict):\n"
      "    __slots__ = ('hidden',)\n"
      "    def show(self, name):\n"
      "        if name in self.hidden:\n"
      "            logger = self.hidden.pop(name)\n"
      "            if makes_usual_loggers():\n"
      "                super().__setitem__(name, logger)\n"
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

std::vector<std::pair<py::object, py::object>> LoggerWatch::news() {
  std::vector<std::pair<py::object, py::object>> loggers;
  const py::object manager = logger_manager();
  if (!manager) return loggers;
  for (const auto& [name, logger] : py::dict(manager.attr("loggerDict")))
    if (seen_.insert(py::str(name)).second)
      loggers.emplace_back(py::reinterpret_borrow<py::object>(name),
                           py::reinterpret_borrow<py::object>(logger));
  return loggers;
}

/// A logger keeps what it has answered, until somebody sets a level.
std::vector<LoggerWatch::Asked> LoggerWatch::asked() {
  std::vector<Asked> found;
  const py::object manager = logger_manager();
  if (!manager) return found;
  const auto add = [&found](const py::handle& logger) {
    const py::object answers = py::getattr(logger, "_cache", py::none());
    if (PyDict_CheckExact(answers.ptr()) == 0 || PyDict_Size(answers.ptr()) == 0) return;
    const std::string name = py::str(py::getattr(logger, "name", py::str("")));
    for (const auto& [level, passed] : py::reinterpret_borrow<py::dict>(answers))
      if (PyLong_Check(level.ptr()) != 0)
        found.push_back({name, level.cast<long>(), passed.ptr() == Py_True});
    PyDict_Clear(answers.ptr());
  };
  add(manager.attr("root"));
  for (const auto& [name, logger] : py::dict(manager.attr("loggerDict"))) add(logger);
  return found;
}

void LoggerWatch::hide() {
  const py::object manager = logger_manager();
  if (!manager) return;
  py::dict shown;
  py::dict hidden;
  worker::stash().guard().logging().note(module_named("logging").ptr(), hidden.ptr());
  if (seen_.empty()) return;
  for (const auto& [name, logger] : py::dict(manager.attr("loggerDict")))
    (seen_.count(py::str(name)) != 0 ? hidden : shown)[name] = logger;
  table_ = hiding_table(shown, hidden);
  manager.attr("loggerDict") = table_;
}

py::object LoggerWatch::show() const {
  return table_ ? py::object(table_.attr("show")) : py::object();
}

}  // namespace pml::zygote
