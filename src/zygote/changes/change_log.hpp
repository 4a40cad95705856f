#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <string>
#include <vector>

#include "zygote/changes/enrolments.hpp"
#include "zygote/changes/list_watch.hpp"
#include "zygote/changes/logger_watch.hpp"
#include "zygote/changes/namespaces.hpp"
#include "zygote/changes/setting_watch.hpp"
#include "zygote/changes/slot_watch.hpp"
#include "zygote/imports/import_log.hpp"
#include "zygote/imports/quirks.hpp"

namespace pml::zygote {

/// One of sys.stdin, stdout and stderr that a preload has put another stream in the place of.
struct ReplacedStream {
  std::string name;
  std::string module;
  pybind11::object stream;
};

/// Writes into the import log what imports change in the interpreter and in other modules: names,
/// lists, loggers, settings.
class ChangeLog {
 public:
  /// Both outlive it.
  ChangeLog(ImportLog& log, const Quirks& quirks)
      : log_(log), quirks_(quirks), enrolments_(log, quirks) {}

  /// Takes down the lists and settings as they are.
  void start();
  /// Takes down the names of the modules that are there already. To be called when what watches
  /// the imports is in place.
  void start_names();
  /// Writes down what changed since the last call, for the innermost import.
  void note();
  /// The module's own import has ended: what those after it change in it is theirs.
  void watch_module(const std::string& name);
  /// Brings all back to how it was, for those that do not import who changed it. Throws
  /// pybind11::error_already_set.
  void restore();
  /// Forgets all but the lists and loggers.
  void forget();

  [[nodiscard]] Enrolments& enrolments() noexcept { return enrolments_; }
  [[nodiscard]] const ListWatch& lists() const noexcept { return lists_; }
  [[nodiscard]] pybind11::object show_logger() const { return loggers_.show(); }
  [[nodiscard]] const std::vector<ReplacedStream>& replaced_streams() const noexcept {
    return replaced_streams_;
  }

 private:
  void note_names();
  void note_settings_of(const pybind11::object& logger);
  void watch_objects(const std::string& module);
  void watch_registries(const std::string& name, const std::string& home);
  void keep_changes_of_families();
  void keep_names(std::vector<NameChange>& changes,
                  const std::function<bool(const std::string&)>& is_family);
  void restore_names();

  ImportLog& log_;
  const Quirks& quirks_;
  ListWatch lists_;
  LoggerWatch loggers_;
  SettingWatch settings_;
  SlotWatch slots_;
  Namespaces namespaces_;
  Enrolments enrolments_;
  std::vector<NameChange> all_changes_;
  std::vector<ReplacedStream> replaced_streams_;
};

}  // namespace pml::zygote
