#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <utility>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// Settings of the interpreter and of the process that imports change by calls:
/// sys.setrecursionlimit, gc.disable, socket.setdefaulttimeout, context variables, …
class SettingWatch {
 public:
  /// Takes down how they are. From here to `restore` context variables are set in a context of its
  /// own.
  void start();
  /// Adds to `record` what changed since the last call: the calls that make it so, or where it
  /// depends on the process, that it does.
  void note(ImportRecord& record);
  /// Brings all back to how they were. Throws pybind11::error_already_set.
  void restore();

 private:
  struct Setting {
    const char* module;
    const char* get;
    const char* set;
    pybind11::object first;  // null: the module was not there yet
    pybind11::object seen;
  };
  /// What also bears on the imports after it, and on what the zygote does itself: who changes it is
  /// not shared.
  struct Observer {
    const char* name;
    pybind11::object (*look)();  // null: this version, or the process by now, has none
    pybind11::object seen;
  };
  void note_setting(Setting& setting, ImportRecord& record);
  void note_context(ImportRecord& record);
  void note_process(ImportRecord& record);
  void note_observers(ImportRecord& record);

  std::vector<Setting> settings_;
  pybind11::object context_;
  std::vector<std::pair<pybind11::object, pybind11::object>> variables_;  // and their values
  std::string locale_;
  unsigned umask_ = 0;
  std::vector<Observer> observers_;
};

}  // namespace pml::zygote
