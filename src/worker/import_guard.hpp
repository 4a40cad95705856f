#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "worker/compat/dict.hpp"
#include "worker/logging_state.hpp"
#include "worker/module_graph.hpp"
#include "worker/python.hpp"
#include "worker/warning_state.hpp"

namespace pml::worker {

/// Tells whether an import would still find in the modules that are there what it found when it was
/// recorded: a program may have patched them, or have put something in place that sees each import.
///
/// Modules go by their numbers in the stash's graph.
class ImportGuard {
 public:
  /// While it lives, the interpreter's own part in an import sets names of one module.
  class OwnChange {
   public:
    OwnChange(ImportGuard& guard, int module) noexcept;
    /// Of the module or class with this dict, if it is one that is looked at.
    OwnChange(ImportGuard& guard, PyObject* names) noexcept;
    OwnChange(const OwnChange&) = delete;
    OwnChange& operator=(const OwnChange&) = delete;
    ~OwnChange();

   private:
    void add(PyObject* names, std::uint64_t& version) noexcept;

    PyObject* names_ = nullptr;
    std::array<std::uint64_t*, 2> settled_{};  // versions that stood for what was there
  };

  using Allocator = void* (*)(void* context, std::size_t size);

  /// The import of `taker` looked the name up in the module; "__dict__" stands for all of them.
  void note_taken(int module, PyObject* name, int taker);
  /// The names hold now what programs are to find in them. Called in the zygote, when the stash and
  /// its graph are whole.
  void record();
  /// Before there is a program: does what start() does, for what is hidden, too.
  void rehearse();
  /// The program begins: what has changed since `record` is its own context, and none of its doing.
  void start();
  /// The interpreter's own part in an import has just put modules into sys.modules and changed
  /// classes; the program has not.
  void settle();
  /// Whether the program has put something in place that an import can be seen by, or that changes
  /// what any import does: a trace or profile function, an audit hook, one that follows
  /// allocations, a name of builtins, a part of the import system, another sys.modules.
  [[nodiscard]] bool sees_imports();
  /// Modules whose imports took what is another thing now, or a class that has been changed, and
  /// those that are others in sys.modules or gone. Looks only at what one of `planned` falls with:
  /// what lies elsewhere is a page to fetch. Each is told once.
  [[nodiscard]] std::vector<int> changed(const ModuleSet& planned);
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
  struct Watched {
    PyObject* names = nullptr;  // its dict; null where nobody took anything from it
    std::uint64_t version = 0;
    std::uint64_t round = 0;  // of sys.modules, in which it was there
  };
  struct Machinery {
    Ref names;
    Ref recorded;  // what they stood for
    std::uint64_t version;
  };
  /// Takes what has changed so far for what was there.
  void catch_up(bool with_hidden);
  void watch_machinery();
  [[nodiscard]] static bool has_changed(Machinery& part);
  void read_values(int module, PyObject* names);
  void add_takers(int module, std::vector<int>& found) const;
  void add_takers_of(PyTypeObject* type, std::vector<int>& found) const;
  [[nodiscard]] bool is_ours(PyObject* now) const;

  std::vector<Watched> watched_;  // by module
  ModuleSet gone_;                // from sys.modules
  std::unordered_map<int, std::vector<Taken>> taken_;
  std::vector<Machinery> machinery_;
  Ref monitoring_;  // sys.monitoring, from 3.12 on. To ask where it is not would raise, in each job
  std::uint64_t table_version_ = 0;  // of sys.modules
  std::uint64_t table_round_ = 0;    // how often the program has changed it
  std::uint64_t environment_version_ = 0;
  LoggingState logging_;
  WarningState warnings_;
  Allocator allocator_ = nullptr;
  bool rehearsed_ = false;
  bool started_ = false;
  bool seen_ = false;
};

/// Notes from now on that the program adds audit hooks, which cannot be asked for.
void watch_audit_hooks();

}  // namespace pml::worker
