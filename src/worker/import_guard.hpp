#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "worker/logging_state.hpp"
#include "worker/python.hpp"
#include "worker/warning_state.hpp"

namespace pml::worker {

/// Tells whether an import would still find in the modules that are there what it found when it was
/// recorded: a program may have patched them, or have put something in place that sees each import.
///
/// Modules go by their numbers in the stash's graph.
class ImportGuard {
 public:
  using Allocator = void* (*)(void* context, std::size_t size);

  /// The import of `taker` looked the name up in the module; "__dict__" stands for all of them.
  void note_taken(int module, PyObject* name, int taker);
  /// The module is in sys.modules, where the program can get at it. `key` is its name there, which
  /// the caller keeps: a reference would copy the page that it lies in.
  void show(int module, PyObject* key, PyObject* object);
  /// The names hold now what programs are to find in them. Called in the zygote.
  void record();
  /// Before there is a program: does what start() does, and touches what the first imports write.
  void rehearse();
  /// The program begins: what has changed since `record` is its own context, and none of its doing.
  void start();
  /// The interpreter's own part in an import has just changed modules; the program has not.
  void settle();

  /// Whether the program has put something in place that an import can be seen by, or that changes
  /// what any import does: a trace or profile function, an audit hook, one that follows
  /// allocations, a name of builtins, a part of the import system, another sys.modules.
  [[nodiscard]] bool sees_imports();
  /// Modules whose imports took what is another thing now, or a class that has been changed, and
  /// those that are others in sys.modules or gone. Each is told once.
  [[nodiscard]] std::vector<int> changed();
  [[nodiscard]] LoggingState& logging() noexcept { return logging_; }
  [[nodiscard]] const LoggingState& logging() const noexcept { return logging_; }
  /// Whether the program has changed what becomes of warnings.
  [[nodiscard]] bool warnings_changed() const { return started_ && warnings_.has_changed(); }
  /// An import has just added its filters of warnings to those of before.
  void settle_warnings() { warnings_.settle(); }
  /// Whether the program may have changed the environment since the last call, or since it began.
  [[nodiscard]] bool environment_changed();

 private:
  struct Taken {
    Ref name;
    Ref value;  // when recorded; none: it was not there
    std::vector<int> takers;
  };
  struct Shown {
    int module;
    PyObject* key;
    PyObject* object;
    PyObject* names;  // its dict, null for what is no module
    std::uint64_t version;
  };
  struct Machinery {
    Ref names;
    Ref recorded;  // what they stood for
    std::uint64_t version;
  };
  /// Takes what has changed so far for what was there.
  void catch_up();
  void watch_machinery();
  [[nodiscard]] static bool has_changed(Machinery& part);
  void read_values(const Shown& shown);
  void add_takers(const Shown& shown, std::vector<int>& found) const;
  void add_takers_of(PyTypeObject* type, std::vector<int>& found) const;
  [[nodiscard]] bool is_ours(PyObject* now) const;

  std::vector<Shown> shown_;
  std::unordered_map<int, std::vector<Taken>> taken_;
  std::vector<Machinery> machinery_;
  Ref monitoring_;  // sys.monitoring, from 3.12 on. To ask where it is not would raise, in each job
  std::uint64_t table_version_ = 0;
  std::uint64_t environment_version_ = 0;
  LoggingState logging_;
  WarningState warnings_;
  Allocator allocator_ = nullptr;
  bool started_ = false;
  bool seen_ = false;
};

/// Notes from now on that the program adds audit hooks, which cannot be asked for.
void watch_audit_hooks();

}  // namespace pml::worker
