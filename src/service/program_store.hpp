#pragma once

#include <string>
#include <vector>

#include "service/program.hpp"

namespace pml::service {

/// How many programs are kept in mind, at most; those that were started last.
inline constexpr std::size_t k_most_programs = 512;

/// Keeps the records of a profile's programs in <state folder>/pml/programs/NAME.json.
class ProgramStore {
 public:
  /// An empty name: nothing is kept.
  explicit ProgramStore(const std::string& profile);

  /// What is kept for `interpreter`. A file that is missing, half written or somebody else's counts
  /// as empty.
  [[nodiscard]] std::vector<ProgramRecord> load(const std::string& interpreter) const noexcept;
  /// Replaces it, all or nothing. Failing is no error: the next time tries again.
  void save(const std::string& interpreter,
            const std::vector<const ProgramRecord*>& records) const noexcept;

 private:
  std::string folder_;  // empty: nowhere
  std::string file_;
};

}  // namespace pml::service
