#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "worker/import_guard.hpp"
#include "worker/module_graph.hpp"
#include "worker/process_facts.hpp"
#include "worker/python.hpp"
#include "worker/search_places.hpp"
#include "worker/uncounted_dict.hpp"

namespace pml::worker {

/// Items a module's import put into one of the interpreter's lists (warnings.filters, sys.path, …).
struct ListEdit {
  Ref list;                  ///< the list itself
  Ref home, name;            ///< the dict that holds it for all, and under which name; or none
  std::vector<Ref> front;    ///< put in front, in their final order
  std::vector<Ref> back;     ///< appended
  std::vector<Ref> removed;  ///< taken out, which were there before
};

/// A name that a module's import set, or removed, in a module, class, object or dict that was there
/// before it.
struct NameEdit {
  Ref owner;
  Ref name;
  Ref value;  ///< none: removed
};

/// A call of `function` with the tuple `arguments` and the dict `keywords`, where there is one.
struct Call {
  Ref function;
  Ref arguments;
  Ref keywords = {};
};

/// A call of atexit.register: the tuple begins with the function to call at the end.
struct ExitCall {
  Ref arguments;
  Ref keywords;  ///< a dict
};

/// An attribute that is to hold what a call gives at the time of the module's import. Set past any
/// __setattr__ of the owner's.
struct Renewal {
  Ref owner;
  Ref name;
  Ref source;  ///< called without arguments
};

/// A name of a module that stands for what `lazy from SOURCE import ATTRIBUTE` is to bring, as it
/// is bound where the source has not been imported yet.
struct LazyName {
  Ref name;
  Ref source;
  Ref attribute;
};

/// One preloaded module, hidden until the job imports it. A job writes to none of it: the pages are
/// shared.
struct StashEntry {
  std::string name;         ///< as in sys.modules
  Ref key;                  ///< the same as str
  Ref module;               ///< none for a module whose import was tried and failed
  bool bound_late = false;  ///< the package gets the name when the module is imported
  bool unimported = false;  ///< its bringer put it into sys.modules: nobody else finds it there
  bool alias = false;       ///< another entry, or a module that everyone has, is the same module
  int parent = -1;          ///< index of the package, or -1
  int package = -1;         ///< its number in the graph, or -1
  Ref attribute;            ///< the name in the package as str, or none
  Ref bound_before;         ///< what the package has under that name until then, or none
  bool bound = false;       ///< the parent's import itself binds the name
  bool extension = false;   ///< a shared object: cannot be imported twice
  bool foreign = false;     ///< one that lies outside the standard library
  bool once = false;        ///< one that cannot be imported again, nor can its package beside it
  Ref first_import_guard;   ///< a name of it that is called to notice a second import, or none
  std::string found_in;     ///< the sys.path entry that held the top-level name, or empty
  std::vector<ExitCall> exit_calls;
  std::vector<ListEdit> edits;    ///< a reference to each item is kept for its list
  std::vector<NameEdit> changes;  ///< a reference to each value is kept for where it goes
  std::set<std::string> written;  ///< other modules that its import wrote names into, for good
  std::vector<Renewal> renewals;
  bool own_renewed = false;  ///< what it asked for that programs do not share is among them
  std::vector<LazyName> lazy_names;
  std::vector<Call> calls;      ///< that make the settings what its import makes them
  std::vector<Ref> generators;  ///< of random numbers, seeded by the system: each job has its own
  std::vector<Ref> loggers;     ///< names of loggers it made, out of sight until then
  Ref show_logger;              ///< called with each of them
  /// Loggers that it asked for, in vain, to log a message of that level.
  std::set<std::pair<std::string, long>> unlogged;
  bool warned = false;  ///< a warning was raised for its code
  std::map<std::string, std::optional<std::string>> read_variables;  ///< environment read at import
};

/// A folder at one state of its contents: device, inode, time of the last change in ns.
using FolderState = std::array<std::uint64_t, 3>;

/// What has become of an entry in this process.
enum class EntryState : char {
  hidden,
  shown,   ///< the program has imported it
  fallen,  ///< to be imported afresh
  apart,   ///< a shared object among what has fallen: imported afresh by way of its loader, which
           ///< gets the module that is there
};

/// The preloaded modules of this interpreter. A fresh python3 has none of them in sys.modules; a
/// job sees each appear when it imports it, with all that its import would have brought, and never
/// otherwise. What an import now would not make as it is in here is imported afresh.
///
/// Lives from the zygote's preload to the end of the process; never destroyed.
class Stash {
 public:
  /// Adds an entry; `name` must be new. Returns its index, which is its number in the graph.
  int add(StashEntry entry);
  [[nodiscard]] std::optional<int> find(std::string_view name) const;
  [[nodiscard]] StashEntry& at(int index) { return entries_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Who brings whom. The numbers of the entries come first, then those of the modules that
  /// everyone has. To be settled before `hide`.
  [[nodiscard]] ModuleGraph& graph() noexcept { return graph_; }
  /// What imports took from modules.
  [[nodiscard]] ImportGuard& guard() noexcept { return guard_; }
  /// Adds a module that everyone has, behind the last entry. Returns its number in the graph.
  int add_common(const std::string& name, PyObject* module);
  /// The module of that number; borrowed, null where it has none.
  [[nodiscard]] PyObject* object_of(int number) const;
  /// The name in sys.modules of a module that has an object; borrowed.
  [[nodiscard]] PyObject* key_of(int number) const;
  /// Whether the program can get at the module of that number.
  [[nodiscard]] bool is_in_sight(int number) const {
    const bool everyones = static_cast<std::size_t>(number) >= entries_.size();
    return (everyones || is_shown(number)) && object_of(number) != nullptr;
  }
  [[nodiscard]] bool is_shown(int number) const noexcept {
    return static_cast<std::size_t>(number) < states_.size() &&
           states_[number] == EntryState::shown;
  }
  /// Whether a module that was revealed has set the name to this value.
  [[nodiscard]] bool has_set(PyObject* owner, PyObject* name, PyObject* value) const;

  /// Takes the entries out of sys.modules and off their packages, and puts the hook in place.
  /// `original` is importlib's own _find_and_load. Returns false with a Python exception set.
  bool hide(PyObject* original);

  /// Reveals everything hidden and hides it again, so that the pages this writes are the process's
  /// own.
  void rehearse();

  /// Everything that cannot be used warm because `start` cannot: what falls with it. Returns the
  /// one of `start` with which something falls that cannot be imported afresh, a shared object or
  /// what has been shown already, or nothing after dropping them all.
  [[nodiscard]] std::optional<int> drop(const std::vector<int>& start);

  /// What became of the entries; to be put back where that was for trial.
  [[nodiscard]] const std::vector<EntryState>& states() const noexcept { return states_; }
  void set_states(std::vector<EntryState> states) { states_ = std::move(states); }
  /// Forgets what it has seen of folders.
  void forget_folders() { listings_.clear(); }

  /// Entries whose top-level name a file or folder in `folder` would win over. `first`: it is in
  /// front of all others, those of the profile too.
  [[nodiscard]] std::vector<int> shadowed_by(const std::string& folder, bool first);

  /// Entries that read a variable which the caller gave another value.
  template <typename Lookup>
  [[nodiscard]] std::vector<int> misled_by(Lookup&& value_of) const {
    std::vector<int> found;
    for (std::size_t i = 0; i < entries_.size(); ++i)
      for (const auto& [name, value] : entries_[i].read_variables)
        if (value_of(name) != value) found.push_back(static_cast<int>(i));
    return found;
  }

  /// Notes that the import of the entry asked this of the zygote.
  void add_fact(int index, KnownFact known);
  /// Notes that the import of the entry asked __main__ for the name, which was not there.
  void add_main_name(int index, const std::string& name) { main_names_.emplace_back(index, name); }
  /// Entries whose import would get another answer in this process, but for those of no process.
  [[nodiscard]] std::vector<int> estranged_by(const RunOptions& options) const;

  /// importlib._bootstrap._find_and_load: from the stash, or by the original. Two arguments, the
  /// name first, and behind them those of the keywords, which 3.15 has.
  PyObject* find_and_load(PyObject* const* arguments, PyObject* keywords);
  /// Whether the module is of a shared object that is apart, keeps what it took from others, and
  /// can be loaded a second time. From then on it counts as fallen.
  [[nodiscard]] bool must_be_made_anew(std::string_view name);
  /// The module of a shared object that is apart, whose loader asks for it, shown with all that its
  /// import brings; null for any other, or with a Python exception set.
  [[nodiscard]] PyObject* load_apart(std::string_view name);

  /// Whether any preloaded shared object lies outside the standard library.
  [[nodiscard]] bool computes() const noexcept { return computes_; }
  void set_computes(bool value) noexcept { computes_ = value; }
  /// It is one of those that is_shared_module tells of.
  void share(PyObject* module) { note_shared(module); }
  /// Whether it is a module that was there before the job: preloaded, or in every interpreter.
  /// __main__ is the job's own. Looks at the address alone: to read a module costs a page of it.
  [[nodiscard]] bool is_shared_module(PyObject* module) const {
    return shared_modules_.count(module) != 0;
  }

 private:
  void note_shared(PyObject* module);
  [[nodiscard]] bool is_hidden(int number) const noexcept {
    return static_cast<std::size_t>(number) < states_.size() &&
           states_[number] == EntryState::hidden;
  }
  bool reveal(int index);
  bool reveal_requests(int index);
  bool put_in_table(const StashEntry& entry);
  PyObject* parent_of(const StashEntry& entry) const;
  bool bind_to_parent(const StashEntry& entry);
  bool bind_to_new_parent(const StashEntry& entry) const;
  bool apply_edits(const StashEntry& entry);
  bool settle_laziness(const StashEntry& entry) const;
  bool unbind(StashEntry& entry);

  void fall(const std::vector<int>& culprits);
  bool is_as_recorded(int index);
  void plan(int index, ModuleSet& seen, std::vector<int>& order) const;
  [[nodiscard]] std::vector<int> misfits(const std::vector<int>& order, const ModuleSet& planned);
  void add_moved(const std::vector<int>& order, std::vector<int>& found) const;
  void add_talkative(const std::vector<int>& order, std::vector<int>& found) const;
  void add_estranged(const ModuleSet& planned, std::vector<int>& found) const;
  void add_early_circles(const std::vector<int>& order, std::vector<int>& found) const;
  void add_taken_names(const std::vector<int>& order, std::vector<int>& found) const;
  void add_shadowed(const std::vector<int>& order, std::vector<int>& found);
  void drop_those_of_main();
  void drop_misled();
  bool is_path_plain();
  bool still_first(const StashEntry& entry);
  const std::unordered_set<std::string>& names_in(const std::string& folder);
  [[nodiscard]] bool come_together(int one, int other) const;
  void note_places();

  std::vector<StashEntry> entries_;
  std::vector<EntryState> states_;  // by entry
  std::vector<Ref> common_;         // what everyone has, by number behind the entries
  std::vector<Ref> common_keys_;    // their names in sys.modules
  ModuleGraph graph_;
  ModuleSet imported_once_;  // what needs a shared object that bears no second import around it
  ImportGuard guard_;
  std::unordered_map<std::string, int> index_;
  std::unordered_set<PyObject*> shared_modules_;
  std::unordered_map<std::string, std::vector<int>> by_top_level_;
  std::vector<std::pair<int, std::string>> main_names_;
  std::map<ProcessFact, std::pair<std::string, std::vector<int>>> facts_;  // answer, entries
  std::vector<const decltype(facts_)::value_type*> changing_facts_;        // while a program runs
  std::map<FolderState, std::unordered_set<std::string>> listings_;
  std::vector<std::string> base_path_;
  SearchPlaces places_;
  std::optional<UncountedDict> table_;  // sys.modules
  Ref original_;
  Ref main_;  // the zygote's __main__; a job has its own
  struct {
    Ref exits;     // atexit.__dict__
    Ref enroll;    // "register"
    Ref set_lazy;  // _imp._set_lazy_attributes, or none
  } calls_;        // what revealing needs of the interpreter
  bool computes_ = false;
};

/// The process's one stash.
[[nodiscard]] Stash& stash();

/// A module that the zygote has: hidden as a preload, or in plain sight because its start brings
/// it. Borrowed; null where it has none of that name.
[[nodiscard]] PyObject* preloaded(const char* name);

}  // namespace pml::worker
