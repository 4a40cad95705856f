#pragma once

#include <pybind11/pybind11.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pml::zygote {

/// The loggers that imports make in logging's table.
class LoggerWatch {
 public:
  /// Names and loggers that are new since the last call.
  [[nodiscard]] std::vector<std::pair<pybind11::object, pybind11::object>> news();
  struct Asked {
    std::string name;
    long level;
    bool passed;
  };
  /// Loggers that were asked since the last call whether they let a message of a level pass.
  [[nodiscard]] static std::vector<Asked> asked();
  /// Puts all that were found out of sight: a job sees each once its module is imported, or once
  /// somebody asks for it by name.
  void hide();
  /// To be called with a name to bring that logger into sight; null where nothing was hidden.
  [[nodiscard]] pybind11::object show() const;

 private:
  std::set<std::string> seen_;
  pybind11::object table_;  // instead of logging's own, or null
};

}  // namespace pml::zygote
