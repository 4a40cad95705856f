#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "profile/profile.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

/// A preload that is there.
struct Preload {
  std::string name;
  std::uint64_t usec = 0;  ///< what importing it took
};

/// A preload that is not there, and why.
struct FailedPreload {
  std::string name;
  std::string reason;        ///< the last line of its traceback, or why it was given up
  bool quarantined = false;  ///< it ended or hung the interpreter, and is not tried again
};

/// A module that was to be preloaded and that each program imports by itself all the same.
struct NotShared {
  std::string name;
  std::string reason;
};

/// What the zygotes of one profile are to import, learned from one to the next, and what the last
/// one has told of it. Policy only: knows nothing of processes.
class PreloadPlan {
 public:
  /// Forgets what was learned: the profile is new, or its files are.
  void begin(const profile::Profile& profile);
  /// A zygote starts: what the last one told counts no more.
  void begin_zygote();
  /// What to preload, and what to keep away from. Points into the plan, until its next change.
  void fill(wire::Boot& boot) const;

  /// @name What zygotes tell
  /// @{
  void imported(std::string_view name, std::uint64_t usec);
  /// `text`: the traceback.
  void failed(std::string_view name, std::string_view text);
  /// False where that was known.
  bool not_shared(std::string_view name, std::string_view why);
  /// These modules should not have been imported; `pieces`, one a line, is what they import in turn
  /// that can be shared. A long list comes in parts.
  void leave_out(const std::vector<std::string_view>& modules, std::string_view pieces);
  /// The preload ends or hangs zygotes, or leaves what no fork takes along.
  void give_up(const std::string& name, const std::string& why);
  /// @}

  [[nodiscard]] const std::vector<Preload>& preloads() const noexcept { return preloads_; }
  [[nodiscard]] const std::vector<FailedPreload>& failures() const noexcept { return failed_; }
  [[nodiscard]] const std::vector<NotShared>& not_shared() const noexcept { return not_shared_; }
  /// Whether it is left out, and so of no use as a preload.
  [[nodiscard]] bool is_excluded(const std::string& module) const {
    return excluded_.contains(module);
  }

 private:
  [[nodiscard]] std::vector<std::string_view> wanted(const std::vector<std::string>& names) const;

  std::vector<std::string> modules_, optional_, after_fork_, warmup_;  // as the profile has them
  std::vector<Preload> preloads_;
  std::vector<FailedPreload> failed_;
  std::vector<NotShared> not_shared_;
  std::set<std::string, std::less<>> excluded_;     // modules that need one of them, and themselves
  std::vector<std::string> pieces_;                 // what those import that can be shared
  std::map<std::string, std::string> quarantined_;  // by name: why
};

}  // namespace pml::service
