#include "worker/logging_state.hpp"

namespace pml::worker {

void LoggingState::note(PyObject* logging, PyObject* hidden) {
  names_ = Ref::borrow(PyModule_GetDict(logging));
  class_ = Ref::borrow(PyDict_GetItemString(names_.get(), "_loggerClass"));
  root_ = Ref::borrow(PyDict_GetItemString(names_.get(), "root"));
  manager_ = attribute(root_.get(), "manager");
  hidden_ = Ref::borrow(hidden);
}

bool LoggingState::makes_usual_loggers() const {
  if (!names_ || !class_ || !manager_) return true;
  if (PyDict_GetItem(names_.get(), interned("_loggerClass")) != class_.get()) return false;
  if (PyDict_GetItem(names_.get(), interned("root")) != root_.get()) return false;
  if (attribute(class_.get(), "manager").get() != manager_.get()) return false;
  const Ref own = attribute(manager_.get(), "loggerClass");
  return !own || own.get() == Py_None;
}

/// 0 where it has none of its own, or is no logger.
long LoggingState::level_of(PyObject* logger) const {
  const Ref level = attribute(logger, "level");
  const long value = level && PyLong_Check(level.get()) != 0 ? PyLong_AsLong(level.get()) : 0;
  PyErr_Clear();
  return value;
}

bool LoggingState::passes(const std::string& name, long level) const {
  if (!names_ || !manager_) return false;
  const Ref disabled = attribute(manager_.get(), "_disable");
  if (disabled && PyLong_Check(disabled.get()) != 0 && PyLong_AsLong(disabled.get()) >= level)
    return false;
  // Past what the table does about those that are hidden: they have no levels yet.
  const Ref table = attribute(manager_.get(), "loggerDict");
  for (std::string one = name; table && PyDict_Check(table.get()) != 0;) {
    PyObject* const logger = PyDict_GetItemString(table.get(), one.c_str());
    if (const long own = logger != nullptr ? level_of(logger) : 0; own != 0) return level >= own;
    const std::size_t dot = one.rfind('.');
    if (dot == std::string::npos) break;
    one.resize(dot);
  }
  return level >= level_of(root_.get());
}

void LoggingState::forget(const std::vector<Ref>& names) const {
  if (!hidden_) return;
  for (const Ref& name : names)
    if (PyDict_DelItem(hidden_.get(), name.get()) != 0) PyErr_Clear();
}

}  // namespace pml::worker
