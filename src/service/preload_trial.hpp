#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "profile/profile.hpp"
#include "service/environment.hpp"
#include "trial/preload_result.hpp"

namespace pml::service {

/// What is known of what the preloads of one profile's compiled code asks and draws, and how it is
/// found out: a throw-away interpreter imports them with a recorder in front of its C library, once
/// for the same files.
class PreloadTrial {
 public:
  /// Forgets the last profile's, and takes the result that was kept for this one with its files as
  /// they are. `environment` is the zygotes'. Never throws.
  void begin(const profile::Profile& profile, const Variables& environment);

  /// Whether nothing is known yet.
  [[nodiscard]] bool wanted() const noexcept { return !result_; }

  /// A trial starts: the memory that its recorder writes to. Throws std::system_error.
  [[nodiscard]] const trial::Recording& start();
  /// The interpreter on trial names a part of its files.
  void add_files(const std::vector<std::string_view>& files);
  /// It has imported all: takes what was heard, and keeps it.
  void finish();
  /// It has ended before that: nothing is known, and no other trial is wanted.
  void give_up();

  /// A zygote has got warm, from these files. Returns false where it has loaded what the trial had
  /// not: another trial is wanted. Says so once only.
  [[nodiscard]] bool fits(const std::set<std::string>& files);

  /// Of these modules, which jobs share, those that were not verified yet.
  [[nodiscard]] std::vector<std::string> unverified(const std::vector<std::string>& shared) const;
  /// The module was verified: how it differs from a fresh import; empty: it does not.
  void note_verified(const std::string& module, const std::string& difference);
  /// Keeps what was verified. Returns whether any module was found to differ since the last call:
  /// the zygote is to be made anew.
  bool keep_verified();

  /// For the zygotes' boot order: lines of what was heard.
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  void adopt(trial::PreloadResult result);

  std::optional<trial::PreloadResults> kept_;
  std::string key_;
  std::unique_ptr<trial::Recording> recording_;  // of a trial that runs
  std::set<std::string> files_;                  // of it
  std::optional<trial::PreloadResult> result_;
  std::vector<std::string> lines_;
  bool repeated_ = false;
  bool differs_ = false;  // some module, of which no zygote was told yet
};

}  // namespace pml::service
