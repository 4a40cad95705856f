#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zygote/extension_imports.hpp"
#include "zygote/import_log.hpp"
#include "zygote/list_watch.hpp"
#include "zygote/logger_watch.hpp"
#include "zygote/namespaces.hpp"
#include "zygote/process_spy.hpp"
#include "zygote/quirks.hpp"
#include "zygote/setting_watch.hpp"
#include "zygote/source_files.hpp"

namespace pml::zygote {

/// Watches imports and writes down what each module's import asked for and left behind: other
/// modules, environment variables read, exit calls registered, lists changed. From `start` to
/// `finish`; one at a time.
class Recorder {
 public:
  /// Takes note of the modules that are there already and puts the hooks in place. `quirks` are
  /// lines of config/quirks.
  void start(const std::vector<std::string_view>& quirks);

  /// Takes the module for one that was asked for in vain.
  void await(const std::string& name) { sources_.await(name); }

  /// A module that asks for what programs differ in as a rule.
  struct Unshareable {
    std::string module;
    std::string question;
  };
  /// All such modules; those that need one of them, and themselves; and what these import that is
  /// none of them.
  struct Division {
    std::vector<Unshareable> unshareable;
    std::vector<std::string> excluded;
    std::vector<std::string> pieces;
  };
  /// To be called between `finish` and `forget`.
  [[nodiscard]] Division divide() const;
  /// Forgets the records.
  void forget();

  /// Takes the hooks away, brings lists and sys.modules back to how they were, and fills the
  /// process's stash. Throws pybind11::error_already_set.
  void finish();

  [[nodiscard]] const SourceFiles& sources() const noexcept { return sources_; }
  [[nodiscard]] std::size_t module_count() const noexcept { return count_; }

 private:
  /// A function of the interpreter with the recorder's own in its place.
  struct Hook {
    pybind11::object owner;
    const char* name;
    pybind11::object original;
    pybind11::object replacement;
  };

  /// One of sys.stdin, stdout and stderr that a preload has put another stream in the place of.
  struct ReplacedStream {
    std::string name;
    std::string module;
    pybind11::object stream;
  };

  /// A random.Random that a preload has made.
  struct Generator {
    pybind11::object object;
    std::string module;  // that seeded it
    bool by_system;
  };

  /// Puts `replacement` in the place of the owner's function, which it returns.
  pybind11::object hook(const pybind11::object& owner, const char* name,
                        pybind11::object replacement);
  void hook_imports();
  void hook_registrations();
  void hook_environment();
  pybind11::object load(const pybind11::object& name, const pybind11::object& import);
  pybind11::object import(const pybind11::args& arguments, const pybind11::kwargs& keywords);
  void request_names(const std::string& package, const pybind11::object& module,
                     const pybind11::object& names);
  void note_main(const pybind11::object& names);
  void note_changes();
  [[nodiscard]] bool is_harmless(const ProcessQuestion& question) const;
  worker::Ref note_question(const ProcessQuestion& question);
  [[nodiscard]] bool brings(const std::string& name, const std::string& other) const;
  [[nodiscard]] bool note_generator(const ProcessQuestion& question);
  void note_numpy();
  void watch_objects(const std::string& module);
  void note_variable(const std::string& name, const pybind11::object& value);
  void note_settings_of(const pybind11::object& logger);
  static void note_environment(ImportRecord& record);
  void note_set_variable(const ProcessQuestion& question);
  void renew_generators();
  void note_names();
  void keep_changes_of_families();
  void restore_names();
  void replace_kept_hooks();

  ImportLog log_;
  ExtensionImports extensions_{log_};
  ListWatch lists_;
  LoggerWatch loggers_;
  SettingWatch settings_;
  Namespaces namespaces_;
  std::vector<NameChange> all_changes_;
  std::map<PyObject*, Generator> generators_;
  std::string numpy_state_;  // of numpy's legacy generator, empty where there is none
  std::vector<ReplacedStream> replaced_streams_;
  std::map<std::string, std::string> set_variables_;  // of the environment, by which module
  Quirks quirks_;
  SourceFiles sources_;
  std::vector<Hook> hooks_;
  pybind11::object original_load_, original_import_, original_register_;
  pybind11::object original_data_;  // of os.environ
  pybind11::object atexit_;
  pybind11::dict caches_before_;
  bool active_ = true;  // a module may have kept the hooks
  std::size_t count_ = 0;
};

}  // namespace pml::zygote
