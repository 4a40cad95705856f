#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "trial/file_identity.hpp"
#include "trial/recording.hpp"

namespace pml::trial {

/// What the trial of a pool's preloads has found, and for what it holds.
struct PreloadResult {
  std::string key;   ///< everything but files that the preloads depend on: interpreter, lists, …
  Identities files;  ///< that the interpreter and the preloads came from
  std::vector<Heard> heard;
  std::map<std::string, std::string> verified;  ///< by module: how it differs; empty: it does not
  bool observed = false;  ///< false: the recorder was not there, nothing is known

  /// Whether the trial has seen all the shared objects among `others`.
  [[nodiscard]] bool covers(const std::set<std::string>& others) const;
};

/// The results that are kept, one for each profile: <state folder>/pml/preloads/NAME.json. Nothing
/// is kept where there is no such folder.
class PreloadResults {
 public:
  explicit PreloadResults(const std::string& profile);

  /// The one that holds for `key` and for the files as they are now.
  [[nodiscard]] std::optional<PreloadResult> find(const std::string& key) const;
  /// Failing is no error: the next start tries again.
  void keep(const PreloadResult& result) const noexcept;

 private:
  std::string folder_;  // empty: nowhere
  std::string file_;
};

}  // namespace pml::trial
