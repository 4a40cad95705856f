#pragma once

namespace pml::service {

/// How many workers a program that runs ahead keeps waiting: when its template is to fork another
/// one, and when it has lost too many. Policy only: the owner counts those that wait, forks and
/// drops.
class WorkerSupply {
 public:
  /// Those that wait without having been told arguments.
  struct Counts {
    unsigned ready = 0;
    unsigned all = 0;  ///< with those that still run ahead
  };

  /// From now on; `further`: one more may go on past arguments that are repeated.
  void want(unsigned workers, bool further) noexcept {
    wanted_ = workers;
    may_go_further_ = further;
  }
  [[nodiscard]] unsigned wanted() const noexcept { return wanted_; }

  /// Whether one is to be forked now: one at a time, so that a launch never competes with more.
  /// `further`: there are arguments for one more, and none has them.
  [[nodiscard]] bool wants_one(const Counts& waiting, bool further) const noexcept;
  /// Whether so many are ready that one can go on.
  [[nodiscard]] bool has_one_more(const Counts& waiting) const noexcept {
    return waiting.ready > wanted_;
  }

  /// The template was told to fork one; that has come, or could not be forked.
  void ordered() noexcept { ++forking_; }
  void arrived() noexcept;
  [[nodiscard]] bool is_owed() const noexcept { return forking_ > 0; }

  /// One has ended by itself. True where that has happened so often in a row that it is no chance.
  [[nodiscard]] bool lost_too_many() noexcept;
  void became_ready() noexcept { losses_ = 0; }

 private:
  unsigned wanted_ = 1;
  unsigned forking_ = 0;
  unsigned losses_ = 0;  // in a row
  bool may_go_further_ = true;
};

}  // namespace pml::service
