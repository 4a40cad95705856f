#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/module_graph.hpp"
#include "worker/process_facts.hpp"
#include "zygote/changes/list_watch.hpp"
#include "zygote/changes/namespaces.hpp"

namespace pml::zygote {

/// A call that makes a setting what an import has made it.
struct RecordedCall {
  pybind11::object function;
  pybind11::tuple arguments;
  pybind11::dict keywords = {};
};

/// A name of a module that stands for what a lazy import is to bring: ATTRIBUTE of SOURCE.
struct LazyName {
  pybind11::object name;
  pybind11::object source;
  pybind11::object attribute;
};

/// A class or function that an import has registered with an object of another module.
struct Enrolment {
  std::string home;         ///< the module of what it was registered with
  std::string member_home;  ///< that of the class that was, or for which a function was
  std::string what;         ///< both names, for a reader
};

/// What the import of one module asked for and left behind.
struct ImportRecord {
  pybind11::object bound_before;  ///< what its package had under its name, if anything
  bool unimported = false;  ///< put into sys.modules by the one that asked for it, past importlib
  std::map<std::string, std::optional<std::string>> variables;    ///< environment read
  std::map<std::string, std::optional<std::string>> environment;  ///< as it left it
  std::vector<std::pair<pybind11::tuple, pybind11::dict>>
      exit_calls;  ///< (function, *args), kwargs
  std::vector<NameChange> changes;
  std::set<std::string> written;     ///< modules that come with it and that it wrote names into
  std::vector<RecordedCall> calls;   ///< that change settings
  std::vector<LazyName> lazy_names;  ///< of its own
  std::vector<pybind11::object> loggers;            ///< names of loggers it made
  std::set<std::pair<std::string, long>> unlogged;  ///< loggers asked for a level, in vain
  ListEdits edits;
  std::set<std::string> main_names;     ///< that __main__ was asked for, and did not have
  std::set<worker::ProcessFact> facts;  ///< asked of the process
  std::vector<Enrolment> enrolments;
  std::string differs;  ///< how it was found to be other than a fresh import; empty: it was not
};

/// Which modules were imported by which. Knows nothing of how that was seen.
class ImportLog {
 public:
  /// The modules that are there now are everyone's, and not written down.
  void start();
  [[nodiscard]] bool is_known(const std::string& name) const { return known_.count(name) != 0; }
  /// Whether the module came after the start.
  [[nodiscard]] bool is_recorded(const std::string& name) const {
    return records_.count(name) != 0;
  }
  [[nodiscard]] const std::set<std::string>& known() const noexcept { return known_; }
  [[nodiscard]] const worker::ModuleGraph& graph() const noexcept { return graph_; }
  /// Names that came after the start, in the order in which their imports began.
  [[nodiscard]] const std::vector<std::string>& order() const noexcept { return order_; }
  [[nodiscard]] const ImportRecord& at(const std::string& name) const { return records_.at(name); }
  [[nodiscard]] ImportRecord& at(const std::string& name) { return records_.at(name); }

  /// The import of the module begins, or ended, within that of the one before it.
  void begin(const std::string& name);
  void end();
  /// The modules whose imports are running, the innermost last.
  [[nodiscard]] const std::vector<std::string>& running() const noexcept { return running_; }
  /// Of the innermost, or of what was done outside of any import.
  [[nodiscard]] ImportRecord& current();

  /// The module's import asked that of the process.
  void note(const std::string& module, worker::ProcessFact fact);
  /// The innermost asks for the module.
  void request(const std::string& name);
  /// The innermost asks for it before what it asked for from place `at` on. Returns false where it
  /// had asked for it.
  bool request_at(const std::string& name, std::size_t at);
  /// The modules that its import asked for, in order, with those that are everyone's.
  [[nodiscard]] std::vector<std::string> requests_of(const std::string& name) const;
  /// How many the innermost has asked for.
  [[nodiscard]] std::size_t request_count();
  /// Writes down, as asked for, what is in sys.modules unseen by the import system.
  void note_new_modules();

  /// Adds the module and the packages that it lies in.
  static void add_with_packages(const std::string& name, std::set<std::string>& names);
  /// Adds the names of all that the module's import brought so far, with the packages.
  void reach(const std::string& name, std::set<std::string>& reached) const;
  /// Whether the import of the one brings the other.
  [[nodiscard]] bool brings(const std::string& name, const std::string& other) const;
  /// Forgets the records.
  void clear() { records_.clear(); }

 private:
  [[nodiscard]] int innermost();

  std::map<std::string, ImportRecord> records_;
  worker::ModuleGraph graph_;
  std::vector<std::string> order_;
  std::vector<std::string> running_;
  std::set<std::string> known_;
};

}  // namespace pml::zygote
