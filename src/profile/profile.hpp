#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profile/program.hpp"

namespace pml::profile {

/// Where the jobs live: in the service's own control group, or each in a scope of its own.
enum class Cgroup { service, scope };

/// Which process a job is: a worker, or the one that the caller has started, where that can be;
/// `automatic`: the latter, but for programs that run ahead.
enum class Launch { worker, in_place, automatic };
[[nodiscard]] std::string name_of(Launch launch);

/// Which file set a key: for a list, the last one that added to it or reset it.
struct Origin {
  std::string key;   ///< dotted, as "pool.workers"; "python.env.NAME" for one variable,
                     ///< "preload.modules[NAME]" for one item of a list
  std::string file;  ///< path of the file
};

/// A profile: everything merged, checked and expanded. A plain value.
struct Profile {
  std::string name;
  std::string description;
  std::string interpreter =
      "/usr/bin/python3";         ///< absolute; ~ and $VAR are expanded, links are not followed
  bool names_interpreter = true;  ///< false: by no file, so $PML_PYTHON chooses, or the default is
  std::vector<std::string> path;  ///< extra sys.path entries, absolute and expanded
  std::vector<std::pair<std::string, std::string>>
      environment;  ///< of the zygote while it preloads, sorted

  std::vector<std::string> modules;   ///< imported once, in the zygote, in this order
  std::vector<std::string> optional;  ///< the same after `modules`; absence is not worth a warning
  std::vector<std::string> after_fork;  ///< imported in each idle worker
  std::vector<std::string> warmup;  ///< "module:function", called in the zygote after the imports

  unsigned workers = 5;      ///< idle workers at start, 1 to 1000
  unsigned spare = 3;        ///< refilled whenever fewer are idle, 1 to `workers`
  unsigned max_jobs = 0;     ///< running at once; 0: no limit
  unsigned max_queue = 128;  ///< requests waiting; 0: none waits
  Launch launch = Launch::worker;
  std::chrono::microseconds idle_exit{0};  ///< 0: never leave
  std::chrono::microseconds preload_timeout = std::chrono::seconds(60);

  bool watch_sources = true;
  bool watch_imports = false;  ///< count what jobs import that is not preloaded
  Cgroup cgroup = Cgroup::service;
  bool log_command = true;  ///< false: the journal gets the program, not its arguments
  bool hint_cold = true;    ///< a person is told why a program ran cold

  std::vector<Program> programs;  ///< declared to run ahead, in the order of their first mention
  Learning learning;

  std::vector<std::string>
      files;  ///< what it was read from, in the order of merging; empty: built in
  /// Of what the files hold, and of which they are: another, and something was edited since.
  std::uint64_t digest = 0;
  std::vector<Origin> provenance;  ///< by key; a key that no file sets is missing here
};

/// The value of PYTHONPATH for a program of this profile whose caller has `current` (null: unset):
/// the profile's entries in front of the caller's. Only for a profile that has entries; where it
/// has none, the caller's variable stays as it is.
[[nodiscard]] std::string python_path(const Profile& profile, const char* current);

/// One thing that is wrong with a profile, at the place where it is wrong.
struct Problem {
  std::string file;
  unsigned line = 0;    ///< counted from 1; 0: the file as a whole
  unsigned column = 0;  ///< counted from 1; 0: the line as a whole
  std::string message;
  std::string hint;  ///< what was probably meant; may be empty

  /// "file:line:column: message (hint)", without a newline.
  [[nodiscard]] std::string one_line() const;
};

/// What load() found: exactly one of
///  - `profile` has a value: it is good, and `problems` is empty;
///  - `problems` is not empty: it exists but is bad, and must not be used;
///  - neither: there is no such profile, or it is masked.
struct Result {
  std::optional<Profile> profile;
  std::vector<Problem> problems;
  std::optional<Profile> remains;      ///< of a bad one: what is right of it, enough to execute its
                                       ///< interpreter, which is empty where it is not known
  std::vector<std::string> looked_in;  ///< the folders, strongest first
  std::string
      masked_by;  ///< the empty file or link to /dev/null that hides the profile, if one does

  [[nodiscard]] bool good() const noexcept { return profile.has_value(); }
  [[nodiscard]] bool not_found() const noexcept { return !profile && problems.empty(); }

  /// What is wrong, in one line for a user: the first problem, or "profile "x" not found (looked in
  /// …)". Empty where nothing is wrong.
  [[nodiscard]] std::string one_line(std::string_view name) const;
};

/// Reads the profile `name` from `folders` (strongest first: base::profile_folders()) with its
/// drop-ins. "default" exists even where no file does: built-in values, nothing preloaded.
/// A name that is not base::valid_profile_name() is a problem. Reads files, changes nothing,
/// throws only std::bad_alloc.
[[nodiscard]] Result load(std::string_view name, const std::vector<std::string>& folders);

/// A profile that exists, as `pmlctl list` shows it.
struct Listed {
  std::string name;
  std::string path;         ///< the file that wins; empty: built in
  std::string description;  ///< merged; empty where the profile is bad
  bool good = true;         ///< false: load() tells what is wrong
};

/// All profiles of `folders`, sorted by name; masked ones are left out, "default" is always there.
[[nodiscard]] std::vector<Listed> list(const std::vector<std::string>& folders);

}  // namespace pml::profile
