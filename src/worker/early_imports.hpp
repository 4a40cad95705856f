#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/derived_variables.hpp"
#include "worker/fitness.hpp"
#include "worker/process_facts.hpp"

namespace pml::worker {

/// What each waiting interpreter imports before its program is known (`preload.after-fork`), and
/// what that asks. A program which would have heard another answer cannot have these modules.
///
/// Filled in the zygote; lives as long as the process.
class EarlyImports {
 public:
  /// The module comes with them, from that file, if from any.
  void add(const std::string& module, const std::string& file);
  /// It, or what it brings, asked for the variable, and was told this.
  void note_variable(const std::string& module, const std::string& name,
                     const std::optional<std::string>& value);
  /// It, or what it brings, asked this of the process, and was told `value`.
  void note_fact(const std::string& module, ProcessFact fact, std::string value);
  /// What they ask is not known.
  void give_up(const std::string& module);

  /// Why this program cannot have them, if so. `folders` are in front of its sys.path.
  [[nodiscard]] std::optional<Objection> objection(const VariableOf& variable,
                                                   const RunOptions& options,
                                                   const std::vector<std::string>& folders) const;

 private:
  struct Answered {
    std::string module;
    KnownFact known;
  };
  [[nodiscard]] std::optional<Objection> objection_to_folder(const std::string& folder) const;

  std::vector<std::pair<std::string, std::string>> tops_;  // names without a dot, and their files
  std::map<std::string, std::pair<std::string, std::optional<std::string>>> variables_;  // by name
  std::vector<Answered> facts_;
  std::string unknown_;
};

/// The process's one.
[[nodiscard]] EarlyImports& early_imports();

/// Imports the modules, in a waiting interpreter. Returns the descriptors that they have opened.
/// The GIL is held.
std::vector<int> import_early(const std::vector<std::string>& names);

}  // namespace pml::worker
