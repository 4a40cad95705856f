// The part of Programs that has programs tried out whose compiled code nobody hears.
#include <algorithm>
#include <system_error>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/program_rows.hpp"
#include "service/programs.hpp"

namespace pml::service {

namespace {

/// Each finds one more module to stop before.
constexpr unsigned k_most_trials = 8;
constexpr std::uint32_t k_most_memory_mib = 1024;

}  // namespace

ahead::Plan Programs::plan_for(const Program& program) const {
  ahead::Plan plan;
  plan.template_stops = program.record.template_stops;
  plan.worker_stops = program.record.worker_stops;
  plan.allowed = allowed_;
  plan.changing = program.changing.all(event::Loop::now());
  plan.memory_mib = k_most_memory_mib;
  if (!program.declared)
    plan.memory_mib = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(plan.memory_mib, (profile_.learning.memory >> 20) + 1));
  return plan;
}

bool Programs::is_awaited(const Program& program) const {
  return std::any_of(waiters_.begin(), waiters_.end(),
                     [&](const Waiter& waiter) { return is_called(program, waiter.name); });
}

// Somebody waits for it now.
void Programs::hasten(Program& program) {
  if (!program.trial || !program.trial->idle()) return;
  program.trial->kill();
  program.trial.reset();
  try_out(program);
}

void Programs::try_first(Program& program) {
  program.trials = 0;
  program.tried_arguments.clear();
  try_out(program);
}

// Once for the same caller and arguments; not for each that come later.
void Programs::pool_stops_further(ProgramPool& pool, const std::string& arguments) {
  Program* program = find(pool.program());
  if (program == nullptr || program->pool.get() != &pool || program->trial || program->next ||
      (program->findings && !program->findings->arguments.empty()) ||
      (program->tried_for == pool.caller() && program->tried_arguments == arguments))
    return;
  program->trials = 0;
  program->tried_arguments = arguments;
  try_out(*program);
}

// For the caller that what serves now was made for.
void Programs::try_out(Program& program) {
  program.findings.reset();
  program.tried_for = program.pool->caller();
  program.in_vain.clear();
  ++program.trials;
  ahead::Plan plan = plan_for(program);
  plan.arguments = program.tried_arguments;
  try {
    program.trial = std::make_unique<ProgramTrial>(
        loop_, profile_.interpreter, *program.tried_for, std::move(plan), !is_awaited(program),
        [this, &program](TrialVerdict verdict) { trial_over(program, std::move(verdict)); });
  } catch (const std::system_error& failure) {
    trial_in_vain(program, failure.what());
  }
}

void Programs::trial_over(Program& program, TrialVerdict verdict) {
  if (stopping_ || !program.pool) return;
  if (program.pool->caller() != program.tried_for) {
    trial_in_vain(program, "its callers are others now");
    return;
  }
  if (verdict.findings) {
    verdict.findings->worker_stops = program.record.worker_stops;
    program.findings = std::make_shared<const TrialFindings>(std::move(*verdict.findings));
    program.caller = program.tried_for;
    start(program, program.next);
    return;
  }
  auto& stops = program.record.worker_stops;
  const bool known = std::find(stops.begin(), stops.end(), verdict.stop_before) != stops.end();
  const bool finds_more = !verdict.stop_before.empty() && !known;
  if ((verdict.again || finds_more) && program.trials < k_most_trials) {
    if (finds_more) {
      stops.push_back(verdict.stop_before);
      program.reasons[verdict.stop_before] = verdict.why;
    }
    try_out(program);
    return;
  }
  trial_in_vain(program, verdict.why);
}

// It goes on to run ahead as far as it did without.
void Programs::trial_in_vain(Program& program, const std::string& why) {
  program.findings = program.pool && program.pool->caller() == program.tried_for
                         ? program.pool->findings()
                         : nullptr;
  program.in_vain = why;
  log::write(LOG_INFO, log::k_program_trial_in_vain,
             program.name + " runs ahead no further: " + why,
             {{"PML_PROGRAM", program.name}, {"PML_REASON", why}});
  if (program.pool && program.pool->ever_ready()) came_ahead(program);
}

// A file changed under what a trial had found: with the next one it comes as far again.
bool Programs::try_again() {
  for (const auto& [text, program] : programs_) {
    const bool settled = program->rests_until <= event::Loop::now() && !program->tried_for;
    if (!settled || !program->pool || !program->pool->ever_ready() ||
        !program->pool->report().untried || program->pool->tried())
      continue;
    try_first(*program);
    return true;
  }
  return false;
}

}  // namespace pml::service
