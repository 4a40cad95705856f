// The part of Programs that has programs run ahead, and ends that.
#include <algorithm>
#include <ctime>
#include <fstream>
#include <system_error>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/installed.hpp"
#include "service/programs.hpp"

namespace pml::service {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::time_t k_day = std::time_t{24} * 3600;
constexpr std::time_t k_try_declared_again = 600;
/// One declared module can be a program in each of many folders.
constexpr unsigned k_most_of_a_name = 4;
constexpr seconds k_measuring{30};
constexpr milliseconds k_first_measuring{1500};
constexpr std::uint64_t k_settled_usec = 60000000;

std::vector<std::string> read_allowed() {
  std::vector<std::string> lines;
  std::ifstream file(PML_PREFIX "/share/pml/ahead");
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  return lines;
}

}  // namespace

void Programs::configure(const profile::Profile& profile, bool keep, bool anew) {
  const bool first = profile_.name.empty();
  const bool other =
      first || anew || profile.interpreter != profile_.interpreter || profile.path != profile_.path;
  if (!first && other) {
    drop_all();
    save();
  }
  const bool load = first || profile.interpreter != profile_.interpreter;
  profile_ = profile;
  allowed_ = read_allowed();
  policy_.set_limits({profile.learning.programs != profile::Learnt::none, profile.learning.memory,
                      profile.learning.most});
  if (load) {
    programs_.clear();
    store_ = ProgramStore(keep ? profile.name : std::string());
    for (ProgramRecord& record : store_.load(profile.interpreter)) {
      auto program = std::make_unique<Program>();
      program->id = ++ids_;
      program->record = std::move(record);
      programs_.emplace(key_text(program->record.key), std::move(program));
    }
  }
  for (const auto& [text, program] : programs_) {
    declare(*program);
    program->rests_until = 0;
    // What one profile had against it another may not have.
    const bool wanted = program->declared || profile.learning.programs == profile::Learnt::all;
    if (anew || wanted) {
      program->record.given_up.clear();
      program->failures = 0;
    }
    if (anew) {
      program->record.find_out_anew();
      program->changing.forget();
    }
    if (program->pool) program->pool->want(program->workers, !pressed_);
  }
  ask();
}

void Programs::set_pressure(bool pressed) {
  pressed_ = pressed;
  policy_.set_pressure(pressed);
  for (const auto& [text, program] : programs_)
    if (program->pool) program->pool->want(pressed ? 1 : program->workers, !pressed);
  ask();
}

std::vector<Standing> Programs::standings() const {
  std::vector<Standing> all;
  all.reserve(programs_.size());
  const std::time_t day_ago = std::time(nullptr) - k_day;
  for (const auto& [text, program] : programs_) {
    const ProgramRecord& record = program->record;
    Standing standing;
    standing.id = program->id;
    standing.declared = program->declared;
    standing.has_caller = program->caller != nullptr;
    standing.running_ahead = program->pool != nullptr;
    standing.given_up = !record.given_up.empty();
    standing.launches_today = record.launches_since(day_ago);
    standing.saves_usec = record.saves_usec;
    standing.memory = record.memory;
    standing.rests_until = program->rests_until;
    all.push_back(standing);
  }
  return all;
}

/// One at a time: each takes a processor for a while.
bool Programs::busy() const noexcept {
  for (const auto& [text, program] : programs_)
    if ((program->pool && !program->pool->ever_ready()) || program->next || program->trial)
      return true;
  return false;
}

void Programs::consider() {
  if (stopping_) return;
  const std::time_t now = std::time(nullptr);
  for (const auto& [text, program] : programs_) {
    const ProgramRecord& record = program->record;
    if (record.given_up.empty()) continue;
    const std::string path = path_of(record.key);
    const std::time_t patience = program->declared
                                     ? k_try_declared_again
                                     : ProgramPolicy::patience_after(program->failures).count();
    if (now - record.given_up_at > patience || now < record.given_up_at ||
        (!path.empty() && program->caller && ahead::identity_of(path) != record.identity))
      program->record.find_out_anew();
  }
  for (const std::uint64_t id : policy_.surplus(standings())) {
    Program* program = find(id);
    if (program == nullptr) continue;
    log::write(LOG_INFO, log::k_program_dropped,
               program->name + " does not run ahead any more: its memory is worth more elsewhere",
               {{"PML_PROGRAM", program->name}});
    drop(*program);
  }
  if (busy()) return;  // asked again when that is over
  const auto next = policy_.next(standings(), event::Loop::now());
  if (Program* program = next ? find(*next) : nullptr)
    start(*program, program->pool);
  else if (!try_again())
    reaim();
  std::uint64_t soonest = 0;
  for (const auto& [text, program] : programs_)
    if (program->rests_until > event::Loop::now() && program->caller)
      soonest = soonest == 0 ? program->rests_until : std::min(soonest, program->rests_until);
  if (soonest != 0 && !busy() && !consider_.armed())
    consider_.arm(microseconds(soonest - event::Loop::now() + 1000));
  if (pressed_) consider_.arm(seconds(2));
}

// Callers of another kind come now: what runs ahead is to be theirs.
void Programs::reaim() {
  for (const auto& [text, program] : programs_) {
    if (!program->pool || !program->pool->ahead() || !program->caller ||
        program->rests_until > event::Loop::now())
      continue;
    if (program->misses_in_a_row == 0) continue;
    const bool unused =
        program->record.warm == 0 || event::Loop::now() - program->ready_at > k_settled_usec;
    if (program->misses_in_a_row < k_misses_to_reaim && !unused) continue;
    start(*program, program->next);
    return;
  }
}

std::string Programs::hindrance(Program& program) const {
  if (auto why = program.caller->hindrance()) return *why;
  if (program.declared || profile_.learning.programs != profile::Learnt::installed) return {};
  if (is_installed(program.record.key, profile_.interpreter)) return {};
  return "it is a program of your own; pmlctl adopt " + program.name + " has it run ahead";
}

void Programs::make_room_for(const Program& program) {
  Program* oldest = nullptr;
  unsigned count = 0;
  for (const auto& [text, other] : programs_) {
    if (!other->pool || !other->declared || other->name != program.name || other.get() == &program)
      continue;
    ++count;
    if (oldest == nullptr || other->record.last.front() < oldest->record.last.front())
      oldest = other.get();
  }
  if (count >= k_most_of_a_name) drop(*oldest);
}

void Programs::start(Program& program, std::unique_ptr<ProgramPool>& place) {
  const std::string path = path_of(program.record.key);
  if (!path.empty()) program.record.identity = ahead::identity_of(path);
  if (const std::string why = hindrance(program); !why.empty()) {
    give_up(program, why);
    return;
  }
  if (!program.caller->start_context().folder.valid()) {
    program.caller.reset();
    answer(program, "error the folder that it was started in is gone\n");
    return;
  }
  if (program.declared) make_room_for(program);
  try {
    ProgramPoolListener& self = *this;
    auto pool = std::make_unique<ProgramPool>(loop_, self, jobs_, program.id, ++generations_);
    pool->start(profile_.interpreter, program.caller, plan_for(program),
                program.caller == program.tried_for ? program.findings : nullptr,
                pressed_ ? 1 : program.workers);
    place = std::move(pool);
  } catch (const std::system_error& failure) {
    give_up(program, failure.what());
  }
}

void Programs::rest(Program& program, microseconds time) noexcept {
  program.rests_until = event::Loop::now() + static_cast<std::uint64_t>(time.count());
  if (!stopping_ && !consider_.armed()) consider_.arm(time + milliseconds(1));
}

void Programs::drop(Program& program) {
  if (program.trial) program.trial->kill();
  program.trial.reset();
  if (program.pool) retire(std::move(program.pool));
  if (program.next) retire(std::move(program.next));
}

void Programs::retire(std::unique_ptr<ProgramPool> pool) {
  pool->leave();
  leaving_.push_back(std::move(pool));
}

void Programs::drop_all() {
  for (const auto& [text, program] : programs_) drop(*program);
}

// One program each time: the kernel walks all its memory.
void Programs::measure() {
  Program* oldest = nullptr;
  for (const auto& [text, program] : programs_)
    if (program->pool && program->pool->ever_ready() &&
        (oldest == nullptr || program->measured < oldest->measured))
      oldest = program.get();
  if (oldest == nullptr || stopping_) return;
  oldest->measured = event::Loop::now();
  oldest->record.memory = oldest->pool->private_memory();
  changed();
  ask();
  bool more = false;
  for (const auto& [text, program] : programs_)
    more = more || (program->pool && program->pool->ever_ready() && program->measured == 0);
  measure_.arm(more ? microseconds(k_first_measuring) : microseconds(k_measuring));
}

bool Programs::reaped(pid_t pid, int wait_status) {
  for (const auto& [text, program] : programs_)
    if (program->trial && program->trial->pid() == pid) {
      const std::unique_ptr<ProgramTrial> over = std::move(program->trial);
      over->reaped();
      return true;
    }
  const auto is_it = [pid](const std::unique_ptr<ProgramPool>& pool) {
    return pool && pool->pid() == pid;
  };
  ProgramPool* ended = nullptr;
  for (const auto& [text, program] : programs_)
    for (auto* place : {&program->pool, &program->next})
      if (is_it(*place)) ended = place->get();
  // Retires itself with this, if it had not before.
  if (ended != nullptr) ended->reaped(wait_status);
  const auto left = std::find_if(leaving_.begin(), leaving_.end(), is_it);
  if (left == leaving_.end()) return ended != nullptr;
  if (ended == nullptr) (*left)->reaped(wait_status);
  const std::uint32_t generation = (*left)->generation();
  leaving_.erase(left);
  jobs_.parent_lost(generation);
  return true;
}

bool Programs::stopped(pid_t pid) noexcept {
  const auto go_on = [pid](const std::unique_ptr<ProgramPool>& pool) {
    if (!pool || pool->pid() != pid) return false;
    pool->stopped();
    return true;
  };
  for (const auto& [text, program] : programs_)
    if (go_on(program->pool) || go_on(program->next)) return true;
  return std::any_of(leaving_.begin(), leaving_.end(), go_on);
}

void Programs::stop() {
  if (stopping_) return;
  save();
  stopping_ = true;
  for (event::Timer* timer : {&consider_, &measure_, &save_}) timer->disarm();
  for (const auto& [text, program] : programs_) {
    answer(*program, "error the service stops\n");
    if (program->trial) program->trial->kill();
    program->trial.reset();
    if (program->next) retire(std::move(program->next));
    if (program->pool) program->pool->want(0, false);
  }
}

void Programs::leave() {
  drop_all();
}

void Programs::kill_all() noexcept {
  for (const auto& [text, program] : programs_)
    for (const auto* place : {&program->pool, &program->next})
      if (*place) (*place)->kill();
  for (const auto& pool : leaving_) pool->kill();
}

bool Programs::empty() const noexcept {
  for (const auto& [text, program] : programs_)
    if (program->pool || program->next) return false;
  return leaving_.empty();
}

void Programs::save() {
  std::vector<const ProgramRecord*> records;
  for (const auto& [text, program] : programs_) records.push_back(&program->record);
  store_.save(profile_.interpreter, records);
}

}  // namespace pml::service
