#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <string>

#include "zygote/changes/change_log.hpp"
#include "zygote/imports/import_log.hpp"
#include "zygote/imports/quirks.hpp"
#include "zygote/imports/source_files.hpp"
#include "zygote/questions/process_spy.hpp"

namespace pml::zygote {

/// Writes into the import log what imports ask of the process that another would answer otherwise.
class QuestionLog {
 public:
  /// All of them outlive it.
  QuestionLog(ImportLog& log, const Quirks& quirks, const ChangeLog& changes, SourceFiles& sources)
      : log_(log), quirks_(quirks), changes_(changes), sources_(sources) {}

  /// Takes down what is heard. Returns the answer to give instead, or null.
  [[nodiscard]] worker::Ref note(const ProcessQuestion& question);
  /// An environment variable was looked up; `value` is a str or None.
  void note_variable(const std::string& name, const pybind11::object& value);
  /// __main__ was asked for these names, None for itself.
  void note_main(const pybind11::object& names);
  /// Looks for what is not heard: what compiled code has asked since the last call.
  void note_numpy();
  /// The innermost import ends: takes down the environment as it leaves it.
  void note_environment();
  /// Has each job that imports who made them seed the generators of random numbers that the system
  /// has seeded. To be called when the stash is filled.
  void renew_generators();

 private:
  /// A random.Random that a preload has made.
  struct Generator {
    pybind11::object object;
    std::string module;  // that seeded it
    bool by_system;
  };

  [[nodiscard]] bool is_harmless(const ProcessQuestion& question) const;
  [[nodiscard]] bool note_generator(const ProcessQuestion& question);
  void note_set_variable(const ProcessQuestion& question);

  ImportLog& log_;
  const Quirks& quirks_;
  const ChangeLog& changes_;
  SourceFiles& sources_;
  std::map<PyObject*, Generator> generators_;
  std::string numpy_state_;  // of numpy's legacy generator, empty where there is none
  std::map<std::string, std::string> set_variables_;  // of the environment, by which module
};

}  // namespace pml::zygote
