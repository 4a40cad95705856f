// The part of Programs that hears how what runs ahead fares.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/programs.hpp"

namespace pml::service {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned k_most_failures = 5;
constexpr std::size_t k_most_stops = 32;
constexpr milliseconds k_soon{20};
constexpr milliseconds k_first_measuring{1500};
/// Upgrades and editors change several files in a row.
constexpr milliseconds k_settle_time{500};
constexpr unsigned k_most_doublings = 12;
/// Whoever waits until it is ready is told of it then.
constexpr unsigned k_changes_awaited = 3;
constexpr seconds k_first_reaim{5};
constexpr std::uint64_t k_settled_usec = 60000000;

/// Whether compiled code has looked at the file, which nobody else hears.
bool concerns(const TrialFindings& findings, const std::string& file) {
  return std::any_of(findings.files.begin(), findings.files.end(),
                     [&file](const ahead::FileFact& known) { return known.path == file; });
}

std::string milliseconds_text(std::uint64_t usec) {
  return std::to_string(usec / 1000) + " ms";
}

}  // namespace

void Programs::pool_ready(ProgramPool& pool, bool first) {
  Program* program = find(pool.program());
  if (program == nullptr) return;
  if (program->next.get() == &pool) {
    if (program->pool) {
      program->next->repeat_as(*program->pool);
      retire(std::move(program->pool));
    }
    program->pool = std::move(program->next);
    if (!program->pool->tried()) {
      ++program->reaims;
      rest(*program, k_first_reaim * (1 << std::min(program->reaims, k_most_doublings)));
    }
  }
  if (!first) {
    if (!is_being_tried(*program))
      answer(*program, "ready " + std::to_string(program->record.saves_usec) + "\n");
    return;
  }
  program->failures = 0;
  program->misses_in_a_row = 0;
  program->ready_at = event::Loop::now();
  ProgramRecord& record = program->record;
  record.question = pool.report().question;
  record.place = pool.report().place;
  constexpr std::string_view k_import = "import ";
  if (record.question.starts_with(k_import))
    if (const auto found = program->reasons.find(record.question.substr(k_import.size()));
        found != program->reasons.end())
      record.question += ", where " + found->second;
  record.saves_usec = std::max<std::uint64_t>(pool.report().processor_usec, 1);
  if (pool.report().untried && program->tried_for != pool.caller()) program->trials = 0;
  if (pool.report().untried && program->trials == 0) {
    try_first(*program);
    return;
  }
  came_ahead(*program);
}

void Programs::came_ahead(Program& program) {
  const ProgramRecord& record = program.record;
  const ahead::Report& report = program.pool->report();
  const std::uint64_t more = report.processor_usec - report.start_usec;
  if (!program.declared && more < k_least_saving_usec) {
    give_up(program, "it would save only " + milliseconds_text(more) + " more than any program");
    return;
  }
  log::write(LOG_INFO, log::k_program_ready,
             program.name + " has run ahead and saves " + milliseconds_text(record.saves_usec) +
                 " each launch; it stops before the first thing that only a caller can answer: " +
                 record.question,
             {{"PML_PROGRAM", program.name},
              {"PML_QUESTION", record.question},
              {"PML_PLACE", record.place}});
  answer(program, "ready " + std::to_string(record.saves_usec) + "\n");
  changed();
  measure_.arm(k_first_measuring);
  ask();
}

void Programs::pool_failed(ProgramPool& pool, const std::string& why,
                           const std::string& stop_before, bool broken) {
  Program* program = find(pool.program());
  if (program == nullptr) return;
  const bool replacing = program->next.get() == &pool;
  auto& place = replacing ? program->next : program->pool;
  if (place.get() != &pool) return;
  const bool tried = pool.tried();
  retire(std::move(place));
  auto& stops = program->record.template_stops;
  const bool known = std::find(stops.begin(), stops.end(), stop_before) != stops.end();
  if (!stop_before.empty() && !known && stops.size() < k_most_stops) {
    stops.push_back(stop_before);
    rest(*program, k_soon);
    if (!waiters_.empty() || replacing) start(*program, place);
    return;
  }
  if (tried && replacing) {
    trial_in_vain(*program, why);
    return;
  }
  ++program->failures;
  if (broken && program->failures < k_most_failures) {
    log::write(LOG_WARNING, log::k_program_failed, program->name + " did not run ahead: " + why,
               {{"PML_PROGRAM", program->name}});
    rest(*program, ProgramPolicy::rest_after(program->failures));
    answer(*program, "error " + why + "\n");
    return;
  }
  give_up(*program, why);
}

void Programs::pool_stale(ProgramPool& pool, const std::string& file) {
  Program* program = find(pool.program());
  if (program == nullptr) return;
  log::write(LOG_INFO, log::k_program_stale,
             program->name + " runs ahead anew: " + file + " has changed",
             {{"PML_PROGRAM", program->name}, {"PML_FILE", file}});
  std::error_code ignored;
  const bool soon = event::Loop::now() - program->ready_at < k_settled_usec;
  program->changes = soon ? std::min(program->changes + 1, k_most_doublings) : 0;
  // The program itself is read first of all, and its folders by each import: better made anew.
  const bool costs_much = file == path_of(program->record.key) || fs::is_directory(file, ignored);
  const bool stops_before = soon && !costs_much &&
                            program->changing.changed(file, program->record.launches,
                                                      program->record.warm, event::Loop::now());
  if (stops_before) program->changes = 0;
  auto& place = program->next.get() == &pool ? program->next : program->pool;
  if (place.get() == &pool) retire(std::move(place));
  program->missed = file + " has changed";
  // What was found before the program looks at the file does not depend on it.
  if (!stops_before || !program->findings || concerns(*program->findings, file)) {
    program->findings.reset();
    program->tried_for.reset();
    program->tried_arguments.clear();
  }
  if (program->changes >= k_changes_awaited) answer(*program, "error " + program->missed + "\n");
  rest(*program, k_settle_time * (1 << program->changes));
}

void Programs::give_up(Program& program, const std::string& why) {
  program.record.given_up = why.empty() ? "it said nothing" : why;
  program.record.given_up_at = std::time(nullptr);
  log::write(LOG_INFO, log::k_program_given_up,
             program.name + " does not run ahead: " + program.record.given_up,
             {{"PML_PROGRAM", program.name}, {"PML_REASON", program.record.given_up}});
  drop(program);
  answer(program, "error " + program.record.given_up + "\n");
  changed();
  ask();
}

}  // namespace pml::service
