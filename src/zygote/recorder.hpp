#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "worker/stash.hpp"
#include "zygote/namespaces.hpp"
#include "zygote/quirks.hpp"
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

  /// Takes the hooks away, brings lists and sys.modules back to how they were, and fills the
  /// process's stash. Throws pybind11::error_already_set.
  void finish();

  [[nodiscard]] const SourceFiles& sources() const noexcept { return sources_; }
  [[nodiscard]] std::size_t module_count() const noexcept { return count_; }

 private:
  using Items = std::vector<pybind11::object>;
  struct Edit {
    Items front, back, removed;
    [[nodiscard]] bool empty() const { return front.empty() && back.empty() && removed.empty(); }
  };
  struct Record {
    std::vector<std::string> requests;
    std::set<std::string> requested;
    std::map<std::string, std::optional<std::string>> variables;
    std::vector<pybind11::tuple> exit_calls;
    std::vector<NameChange> changes;
    std::vector<pybind11::object> loggers;  // names of loggers it made
    std::map<int, Edit> edits;              // by the place in watched_
  };
  struct Watched {
    pybind11::list list;
    Items first;  // at the start
    Items seen;
  };

  pybind11::object load(const pybind11::object& name, const pybind11::object& import);
  pybind11::object import(const pybind11::args& arguments, const pybind11::kwargs& keywords);
  pybind11::object run_extension(const pybind11::object& function, const pybind11::args& arguments);
  void reach(const std::string& name, std::set<std::string>& reached) const;
  std::vector<std::string> hide_unasked();
  [[nodiscard]] std::map<std::string, Py_ssize_t> made_modules() const;
  void show(const std::string& name);
  void show_again(const std::vector<std::string>& names);
  bool is_loaded(const std::string& name) const;
  void request(const std::string& name);
  void note_lists();
  void note_new_modules();
  void replace_kept_hooks();
  void note_names();
  void restore_names();
  void note_loggers();
  void hide_loggers();
  void watch(const pybind11::list& list);
  static void note_items(Edit& edit, const Items& before, const Items& now);
  void restore_lists();
  void fill_stash();
  void describe(worker::StashEntry& entry, const pybind11::object& module);
  void note_variable(const pybind11::bytes& name, const pybind11::object& value);
  Record& current() { return records_[stack_.empty() ? std::string() : stack_.back()]; }

  std::map<std::string, Record> records_;
  std::vector<std::string> order_;
  std::vector<std::string> stack_;
  std::set<std::string> known_;  // modules there before
  std::vector<Watched> watched_;
  std::map<std::string, pybind11::object> hidden_;  // out of sys.modules while an extension is run
  pybind11::object create_, execute_, original_create_, original_execute_;
  pybind11::object load_, import_, register_, register_at_fork_, atexit_;
  pybind11::object original_load_, original_import_, original_register_, original_register_at_fork_;
  pybind11::object original_data_;
  pybind11::dict caches_before_;
  std::set<std::string> loggers_seen_;
  pybind11::object loggers_;  // logging's table with the hidden ones out of sight, or null
  Namespaces namespaces_;
  std::vector<NameChange> all_changes_;
  bool active_ = true;  // a module may have kept the hooks
  Quirks quirks_;
  SourceFiles sources_;
  std::size_t count_ = 0;
};

}  // namespace pml::zygote
