// The part of Programs that requests and jobs meet.
#include "service/programs.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "service/program_rows.hpp"

namespace pml::service {

namespace {

using std::chrono::milliseconds;

constexpr std::time_t k_day = std::time_t{24} * 3600;
/// A client that was told to ask again does so at once.
constexpr std::uint64_t k_asks_again_usec = 5000000;
/// So long after a launch it is thought about what to run ahead.
constexpr milliseconds k_before_considering{200};
/// Templates of programs: their own numbers, apart from the zygotes'.
constexpr std::uint32_t k_first_generation = 1U << 30;

}  // namespace

Programs::Programs(event::Loop& loop, ProcessListener& jobs)
    : loop_(loop),
      jobs_(jobs),
      consider_(loop, [this] { consider(); }),
      measure_(loop, [this] { measure(); }),
      save_(
          loop, [this] { save(); }, std::chrono::seconds(1)),
      generations_(k_first_generation) {
  for (event::Timer* timer : {&consider_, &measure_, &save_})
    timer->set_priority(event::k_priority_last);
}

Programs::~Programs() = default;

std::unique_ptr<Worker> Programs::take(const Ticket& ticket, const wire::Request& request,
                                       std::string& why) {
  if (stopping_) return nullptr;
  if (profile_.programs.empty() && profile_.learning.programs == profile::Learnt::none)
    return nullptr;
  const std::string text = key_text(request);
  if (text.empty()) return nullptr;
  Program* program = program_of(text, request);
  const bool again = is_asking_again(ticket.client);
  if (!again) program->record.launched(std::time(nullptr));
  changed();
  if (program->pool && program->pool->ahead()) {
    if (again) {
      why = "it differed";
      return nullptr;
    }
    return worker_of(*program, ticket, request, why);
  }
  why = program->record.given_up.empty() ? "" : program->record.given_up;
  const bool due = program->declared || program->record.launches_since(
                                            std::time(nullptr) - k_day) >= k_launches_to_learn;
  if (due && !program->pool && (!program->caller || program->record.given_up.empty()))
    program->caller = std::make_shared<RememberedCaller>(request, ticket.descriptors);
  if (due) ask();
  return nullptr;
}

bool Programs::runs_ahead(const wire::Request& request) const {
  const std::string text = key_text(request);
  if (text.empty()) return false;
  const auto found = programs_.find(text);
  if (found != programs_.end()) return found->second->declared || found->second->pool;
  const ProgramKey key = key_of(request);
  return std::any_of(profile_.programs.begin(), profile_.programs.end(),
                     [&](const profile::Program& declared) { return is_meant(declared, key); });
}

std::unique_ptr<Worker> Programs::worker_of(Program& program, const Ticket& ticket,
                                            const wire::Request& request, std::string& why) {
  const ahead::Caller caller = ahead::look_at_caller(request, ticket.descriptors);
  std::unique_ptr<Worker> worker = program.pool->take(caller, why);
  if (worker) {
    program.reaims = 0;
    program.misses_in_a_row = program.pool->misses_further() ? k_misses_to_reaim : 0;
    if (program.misses_in_a_row == 0) return worker;
    program.caller = std::make_shared<RememberedCaller>(request, ticket.descriptors);
    ask();
    return worker;
  }
  if (why.empty()) {
    why = "none waits";
    return nullptr;
  }
  program.caller = std::make_shared<RememberedCaller>(request, ticket.descriptors);
  missed(program, why);
  return nullptr;
}

void Programs::missed(Program& program, const std::string& why) {
  program.missed = why;
  ++program.misses;
  ++program.misses_in_a_row;
  ask();
}

Program* Programs::program_of(const std::string& text, const wire::Request& request) {
  const auto found = programs_.find(text);
  if (found != programs_.end()) return found->second.get();
  if (programs_.size() >= k_most_programs) forget_oldest();
  auto program = std::make_unique<Program>();
  program->id = ++ids_;
  program->record.key = key_of(request);
  declare(*program);
  return programs_.emplace(text, std::move(program)).first->second.get();
}

void Programs::forget_oldest() {
  auto oldest = programs_.end();
  for (auto item = programs_.begin(); item != programs_.end(); ++item) {
    if (item->second->pool || item->second->next) continue;
    if (oldest == programs_.end() ||
        item->second->record.last.front() < oldest->second->record.last.front())
      oldest = item;
  }
  if (oldest != programs_.end()) programs_.erase(oldest);
}

void Programs::declare(Program& program) const {
  program.name = name_of(program.record.key);
  program.declared = false;
  program.workers = 1;
  for (const profile::Program& declared : profile_.programs) {
    if (!is_meant(declared, program.record.key)) continue;
    program.name = declared.name;
    program.declared = true;
    program.workers = declared.workers;
    return;
  }
}

Program* Programs::find(std::uint64_t id) noexcept {
  for (const auto& [text, program] : programs_)
    if (program->id == id) return program.get();
  return nullptr;
}

void Programs::accepted(const Job& job) {
  Program* program = find(job.worker->program);
  if (program == nullptr) return;
  ++program->record.warm;
  program->record.saved_usec += job.worker->saves_usec;
}

void Programs::differed(const Job& job, const std::string& why) {
  again_.push_back({job.client.pid, event::Loop::now() + k_asks_again_usec});
  if (Program* program = find(job.worker->program)) missed(*program, why);
}

bool Programs::is_asking_again(const Client& client) {
  if (again_.empty()) return false;
  const std::uint64_t now = event::Loop::now();
  std::erase_if(again_, [now](const Again& item) { return item.until < now; });
  return std::any_of(again_.begin(), again_.end(),
                     [&](const Again& item) { return item.client == client.pid; });
}

bool Programs::signal(std::uint32_t generation, pid_t pid, int number, bool whole_group) {
  for (const auto& [text, program] : programs_)
    for (const auto* pool : {&program->pool, &program->next})
      if (*pool && (*pool)->generation() == generation)
        return (*pool)->signal(pid, number, whole_group);
  return false;
}

void Programs::ask() noexcept {
  if (!consider_.armed() && !stopping_) consider_.arm(k_before_considering);
}

void Programs::changed() noexcept {
  if (!save_.armed() && !stopping_) save_.arm(std::chrono::seconds(5));
}

void Programs::run_ahead_now(const std::string& name, Client client) {
  Program* last = nullptr;
  for (const auto& [text, program] : programs_)
    if (is_called(*program, name) &&
        (last == nullptr || last->record.last.front() < program->record.last.front()))
      last = program.get();
  if (last == nullptr || (!last->caller && !last->pool)) {
    client.tell_line("error nobody has started " + name +
                     " since the service began; start it once with pml\n");
    return;
  }
  if (last->pool && last->pool->waiting() > 0 && !is_being_tried(*last)) {
    client.tell_line("ready " + std::to_string(last->record.saves_usec) + "\n");
    return;
  }
  if (!last->pool) {
    last->record.find_out_anew();
    last->changing.forget();
  }
  last->failures = 0;
  last->rests_until = 0;
  waiters_.push_back({name, std::move(client)});
  if (!last->pool && !last->next) start(*last, last->pool);
  hasten(*last);
}

void Programs::answer(const Program& program, const std::string& line) {
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (!is_called(program, waiter.name)) return false;
    waiter.client.tell_line(line);
    return true;
  });
}

bool Programs::forget(const std::string& name) {
  bool any = false;
  for (auto item = programs_.begin(); item != programs_.end();) {
    Program& program = *item->second;
    if (!name.empty() && !is_called(program, name)) {
      ++item;
      continue;
    }
    any = true;
    answer(program, "error it was forgotten\n");
    drop(program);
    item = programs_.erase(item);
  }
  changed();
  const auto missing = not_started();
  return any || std::any_of(missing.begin(), missing.end(),
                            [&](const auto* declared) { return declared->name == name; });
}

std::vector<const profile::Program*> Programs::not_started() const {
  std::vector<const profile::Program*> missing;
  for (const profile::Program& declared : profile_.programs)
    if (std::none_of(programs_.begin(), programs_.end(),
                     [&](const auto& item) { return item.second->name == declared.name; }))
      missing.push_back(&declared);
  return missing;
}

}  // namespace pml::service
