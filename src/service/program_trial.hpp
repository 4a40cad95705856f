#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ahead/messages.hpp"
#include "service/remembered_caller.hpp"
#include "service/trial_findings.hpp"
#include "service/zygote_link.hpp"

namespace pml::service {

/// A first run of a program under observation (src/trial), in a process that is killed before any
/// side effect. What it says, `done` is told once, when the process has been reaped.
class ProgramTrial : private ZygoteListener {
 public:
  using Done = std::function<void(TrialVerdict)>;

  /// Starts it as `caller` would have started python3, to run by `plan`; `idle`: when the
  /// processors have nothing else to do. Throws std::system_error.
  ProgramTrial(event::Loop& loop, const std::string& interpreter, const RememberedCaller& caller,
               ahead::Plan plan, bool idle, Done done);

  /// The process has ended: tells `done`, during which this object has to stay.
  void reaped();
  void kill() noexcept { link_->kill(); }

  [[nodiscard]] pid_t pid() const noexcept { return link_->pid(); }
  [[nodiscard]] bool idle() const noexcept { return idle_; }

 private:
  void zygote_said(ZygoteLink& zygote, const wire::Event& event, base::UniqueFd attached) override;
  void zygote_left(ZygoteLink& zygote) override;

  const bool idle_;
  const std::string arguments_;
  Done done_;
  std::int64_t began_;   // real-time clock, ns
  base::UniqueFd said_;  // a memfd: the result
  std::unique_ptr<ZygoteLink> link_;
};

}  // namespace pml::service
