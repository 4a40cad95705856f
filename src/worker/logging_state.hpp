#pragma once

#include <string>
#include <vector>

#include "worker/python.hpp"

namespace pml::worker {

/// How logging is set up: which loggers it makes, and what they let pass.
class LoggingState {
 public:
  /// It is as the preloads have left it. `hidden` is the dict of the loggers that preloads have
  /// made and that the program does not see yet. Called in the zygote.
  void note(PyObject* logging, PyObject* hidden);

  /// Whether a logger that is made now is one of those that preloads have made.
  [[nodiscard]] bool makes_usual_loggers() const;
  /// Whether the logger of that name, made now, may let a message of that level pass.
  [[nodiscard]] bool passes(const std::string& name, long level) const;
  /// The loggers will be made anew.
  void forget(const std::vector<Ref>& names) const;

 private:
  [[nodiscard]] long level_of(PyObject* logger) const;

  Ref names_;  // of the module
  Ref class_, root_, manager_, hidden_;
};

}  // namespace pml::worker
