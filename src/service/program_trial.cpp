#include "service/program_trial.hpp"

#include <ctime>
#include <utility>

namespace pml::service {

namespace {

constexpr std::int64_t k_nsec = 1000000000;
/// Being observed takes time itself.
constexpr std::uint32_t k_slower = 3;
/// And so may others do, where it is idle.
constexpr const char* k_most_seconds = "600";

constexpr const char* k_observer = PML_HELPERDIR "/pml-trial";

std::int64_t now_nsec() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * k_nsec + now.tv_nsec;
}

std::string seconds_of(std::uint32_t msec) {
  return std::to_string((msec + 999) / 1000);
}

std::vector<std::string> observer_for(const ahead::Plan& plan) {
  return {k_observer,
          "--awaits",
          "--marker-fd",
          std::to_string(ahead::k_trial_marker),
          "--seconds",
          k_most_seconds,
          "--cpu-seconds",
          seconds_of(plan.processor_msec * k_slower),
          "--memory",
          std::to_string(std::uint64_t{plan.memory_mib} << 20),
          "--"};
}

}  // namespace

ProgramTrial::ProgramTrial(event::Loop& loop, const std::string& interpreter,
                           const RememberedCaller& caller, ahead::Plan plan, bool idle, Done done)
    : idle_(idle),
      arguments_(plan.arguments),
      done_(std::move(done)),
      began_(now_nsec()),
      said_(ahead::in_memory({})) {
  ZygoteCommand command = caller.command(interpreter);
  command.observer = observer_for(plan);
  command.idle = idle;
  plan.trial = true;
  ZygoteListener& self = *this;
  link_ = std::make_unique<ZygoteLink>(loop, self, command, said_.borrow(), 0);
  wire::Order order;
  order.kind = wire::OrderKind::run_ahead;
  link_->send(order, caller.in_memory(std::move(plan)));
}

// It has nothing to say but at its end.
void ProgramTrial::zygote_said(ZygoteLink& /*zygote*/, const wire::Event& /*event*/,
                               base::UniqueFd /*attached*/) {}

void ProgramTrial::zygote_left(ZygoteLink& /*zygote*/) {}

void ProgramTrial::reaped() {
  const auto result = trial::result_of(ahead::from_memory(said_.borrow()).value_or(""));
  TrialVerdict verdict;
  if (result)
    verdict = judge_trial(*result, began_, arguments_);
  else
    verdict.why = "no trial of it can be made here";
  done_(std::move(verdict));
}

}  // namespace pml::service
