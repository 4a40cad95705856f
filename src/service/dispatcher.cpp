#include "service/dispatcher.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "wire/channel.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A refill and the journal wait until nothing was dispatched for so long …
constexpr microseconds k_quiet{2500};
/// … but no longer than this in all.
constexpr std::uint64_t k_longest_disturbance_usec = 10000;
/// After so long a worker that has not told so is taken for rehearsed.
constexpr microseconds k_rehearsal{50000};
/// No worker came for so long: who waits is better served by python3.
constexpr milliseconds k_stall{1000};
/// After so many stalls a zygote that owes workers is taken for hung.
constexpr unsigned k_stalls_to_give_up = 3;
/// So many workers that end within this time of their start, and none that took a job.
constexpr unsigned k_most_early_ends = 20;
constexpr std::uint64_t k_early_usec = 2000000;
constexpr milliseconds k_first_trial{100};
constexpr std::size_t k_most_queued_bytes = 64U << 20;

bool has_hung_up(const base::UniqueFd& connection) noexcept {
  pollfd entry{connection.get(), 0, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

/// For PML_TRACE: a reply that changes nothing else.
void trace(Ticket& ticket, const std::string& text) {
  if ((ticket.flags & wire::k_flag_trace) == 0 || ticket.client.text) return;
  wire::Reply reply;
  reply.kind = wire::ReplyKind::continued;
  reply.text = text;
  ticket.client.tell(reply);
}

/// Failures of a hand-over that are the request's own, not the worker's.
bool is_requests_fault(int error) noexcept {
  return error == -ETOOMANYREFS || error == -E2BIG || error == -EMSGSIZE || error == -EAGAIN;
}

}  // namespace

Dispatcher::Dispatcher(event::Loop& loop, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      quiet_(
          loop, [this] { quiet(); }, microseconds(200)),
      stalled_(loop, [this] { stalled(); }),
      verdicts_(loop, [this] { check_verdicts(); }),
      stops_(loop, [this] { check_stops(); }),
      trial_(loop, [this] { order_now(1); }) {
  quiet_.set_priority(event::k_priority_last);
}

void Dispatcher::configure(const PoolLimits& limits, std::string interpreter, bool whole_commands) {
  pool_.set_limits(limits);
  whole_commands_ = whole_commands;
  interpreter_ = std::move(interpreter);
  trim();
}

void Dispatcher::submit(Ticket ticket, const wire::Request& request) {
  ticket.flags = request.flags;
  const bool patient = ticket.client.text || (ticket.flags & wire::k_flag_wait) != 0;
  if (last_look_) last_look_();
  if (serve_ahead(ticket, request)) return;
  if (closed_ && !(patient && spoilt())) {
    refuse(ticket.client, *closed_, {}, label_of(request, whole_commands_).command);
    return;
  }
  switch (pool_.admit(patient)) {
    case Admission::serve:
      hand_over(std::move(ticket), {}, &request);
      break;
    case Admission::wait:
      enqueue(std::move(ticket), label_of(request, whole_commands_));
      break;
    case Admission::overloaded:
      refuse(ticket.client, wire::Refusal::overloaded, {},
             label_of(request, whole_commands_).command);
      break;
    case Admission::not_warm:
      refuse(ticket.client, hatchery_->broken() ? wire::Refusal::broken : wire::Refusal::warming_up,
             {}, label_of(request, whole_commands_).command);
      break;
  }
}

bool Dispatcher::serve_ahead(Ticket& ticket, const wire::Request& request) {
  if (ahead_ == nullptr || stopping_ || (closed_ && !spoilt()) || !pool_.may_run_more())
    return false;
  std::string why;
  WorkerPointer worker = ahead_->take(ticket, request, why);
  if (!worker) {
    if (!why.empty()) trace(ticket, "not by a worker of its own: " + why);
    return false;
  }
  base::UniqueFd inner;
  // Said before the hand-over: a short job may end, and its client with it, before this goes on.
  trace(ticket, "by a worker of its own");
  if (const int error = give(*worker, ticket, inner); error != 0) {
    trace(ticket, std::string("not by a worker of its own: ") + std::strerror(error));
    return false;
  }
  ticket.descriptors.clear();
  worker->watch = event::Io(loop_, worker->link.borrow(), EPOLLIN,
                            [this, self = worker.get()](std::uint32_t) { link_ready(*self); });
  pool_.other_job_began();
  took(std::move(worker), std::move(ticket), label_of(request, whole_commands_), std::move(inner));
  return true;
}

// Hands the worker its job. A text client does not speak with it: `inner` is this side's end of
// what it gets instead.
int Dispatcher::give(const Worker& worker, const Ticket& ticket, base::UniqueFd& inner) {
  std::vector<int> numbers;
  numbers.reserve(ticket.descriptors.size());
  for (const base::UniqueFd& descriptor : ticket.descriptors) numbers.push_back(descriptor.get());
  int connection = ticket.client.connection.get();
  base::UniqueFd inner_far;
  if (ticket.client.text) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
      inner = base::UniqueFd(base::k_adopt, pair[0]);
      inner_far = base::UniqueFd(base::k_adopt, pair[1]);
    }
    connection = inner_far.get();
  }
  return wire::send_job(worker.link.borrow(), ticket.body, connection, numbers);
}

// The label of a request that did not wait is made after the hand-over, from `request`.
void Dispatcher::hand_over(Ticket ticket, Label label, const wire::Request* request) {
  base::UniqueFd inner;
  while (!idle_.empty()) {
    WorkerPointer worker = std::move(idle_.back());
    idle_.pop_back();
    const int error = give(*worker, ticket, inner);
    if (error == 0) {
      ticket.descriptors.clear();
      if (request != nullptr) label = label_of(*request, whole_commands_);
      pool_.job_began();
      took(std::move(worker), std::move(ticket), std::move(label), std::move(inner));
      return;
    }
    drop_worker(std::move(worker));
    if (!is_requests_fault(error)) continue;
    refuse(ticket.client, wire::Refusal::context, "too many descriptors at once", label.command);
    return;
  }
  if (request != nullptr) label = label_of(*request, whole_commands_);
  enqueue(std::move(ticket), std::move(label));
}

void Dispatcher::took(WorkerPointer worker, Ticket ticket, Label label, base::UniqueFd inner) {
  last_dispatch_ = event::Loop::now();
  auto job = std::make_unique<Job>();
  job->name = {worker->pid, ++jobs_begun_};
  worker->job = job.get();
  job->worker = std::move(worker);
  job->client = std::move(ticket.client);
  job->inner = std::move(inner);
  job->label = std::move(label);
  job->flags = ticket.flags;
  job->began = last_dispatch_;
  ++awaited_verdicts_;
  Job& here = *job;
  jobs_.insert_or_assign(here.name.pid, std::move(job));
  watch_client(here);
  if (!ticket.early.empty()) client_bytes(here, ticket.early);
  if (handed_) handed_(here);
  order_urgent();
  disturbed();
}

void Dispatcher::mark_scoped(std::uint64_t number) {
  for (const auto& [pid, job] : jobs_)
    if (job->name.number == number) job->scoped = true;
}

void Dispatcher::enqueue(Ticket ticket, Label label) {
  if (queued_bytes_ + ticket.body.size() > k_most_queued_bytes) {
    refuse(ticket.client, wire::Refusal::overloaded, "the queue holds too much", label.command);
    return;
  }
  ticket.keep();
  queued_bytes_ += ticket.body.size();
  queue_.push_back({std::move(ticket), std::move(label)});
  pool_.request_queued();
  order_urgent();
  if (!stalled_.armed()) stalled_.arm(k_stall);
  changed_();
}

void Dispatcher::serve_queue() {
  if (last_look_ && !queue_.empty()) last_look_();
  while (pool_.can_serve_queued()) {
    Waiting waiting = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= waiting.ticket.body.size();
    pool_.request_left();
    if (has_hung_up(waiting.ticket.client.connection)) continue;
    hand_over(std::move(waiting.ticket), std::move(waiting.label), nullptr);
  }
}

void Dispatcher::refuse(Client& client, wire::Refusal reason, std::string_view detail,
                        const std::string& command) {
  wire::Reply reply;
  reply.kind = wire::ReplyKind::refused;
  reply.value = static_cast<std::int32_t>(reason);
  reply.text = detail;
  reply.interpreter = interpreter_;
  client.tell(reply);
  note_refusal(client, reason, detail, command);
  disturbed();
}

void Dispatcher::note_refusal(const Client& client, wire::Refusal reason, std::string_view detail,
                              const std::string& command) {
  if (client.own) return;
  ++refusals_[reason];
  record_.refused(reason, detail, command);
  log_.refused(client, reason, std::string(detail), command);
}

void Dispatcher::refuse_queue(wire::Refusal reason, bool patient_too) {
  auto waiting = std::exchange(queue_, {});
  for (Waiting& item : waiting) {
    const bool patient = item.ticket.client.text || (item.ticket.flags & wire::k_flag_wait) != 0;
    if (patient && !patient_too) {
      queue_.push_back(std::move(item));
      continue;
    }
    queued_bytes_ -= item.ticket.body.size();
    pool_.request_left();
    refuse(item.ticket.client, reason, {}, item.label.command);
  }
}

void Dispatcher::worker_came(pid_t pid, base::UniqueFd link, std::uint32_t generation) {
  stalls_ = 0;
  last_progress_ = event::Loop::now();
  if (stopping_ || spoilt() || generation != hatchery_->generation()) {
    pool_.fork_failed();
    return;  // closing its link ends it
  }
  if (!idle_.empty() && idle_.front()->generation != generation) drop_idle();
  auto worker = std::make_unique<Worker>();
  worker->pid = pid;
  worker->generation = generation;
  worker->came = event::Loop::now();
  worker->link = std::move(link);
  worker->watch = event::Io(loop_, worker->link.borrow(), EPOLLIN,
                            [this, self = worker.get()](std::uint32_t) { link_ready(*self); });
  idle_.push_back(std::move(worker));
  pool_.worker_came();
  serve_queue();
  trim();
  order_urgent();
  refill();
  if (pool_.forking() == 0 && queue_.empty()) stalled_.disarm();
  changed_();
}

void Dispatcher::fork_failed() {
  pool_.fork_failed();
  disturbed();
}

void Dispatcher::idle_worker_ready(Worker& worker) {
  std::array<char, 64> buffer;
  const wire::Received packet = wire::receive(worker.link.borrow(), buffer, MSG_DONTWAIT);
  if (packet.error == EAGAIN) return;
  const auto verdict = packet.error == 0 && packet.size > 0 && !packet.truncated
                           ? wire::decode_verdict({buffer.data(), packet.size})
                           : std::nullopt;
  if (verdict && verdict->kind == wire::VerdictKind::rehearsed) {
    worker.rehearsed = true;
    refill();
    return;
  }
  // An idle worker has nothing else to say: it has died, or is broken.
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const WorkerPointer& item) { return item.get() == &worker; });
  if (found == idle_.end()) return;
  WorkerPointer gone = std::move(*found);
  idle_.erase(found);
  worker_failed(*gone);
  drop_worker(std::move(gone));
  order_urgent();
  disturbed();
}

void Dispatcher::drop_worker(WorkerPointer worker) {
  worker.reset();
  pool_.worker_went();
}

void Dispatcher::drop_idle() {
  while (!idle_.empty()) {
    WorkerPointer worker = std::move(idle_.back());
    idle_.pop_back();
    drop_worker(std::move(worker));
  }
}

void Dispatcher::trim() {
  for (unsigned surplus = pool_.surplus(); surplus > 0 && !idle_.empty(); --surplus) {
    WorkerPointer worker = std::move(idle_.front());
    idle_.erase(idle_.begin());
    drop_worker(std::move(worker));
  }
}

void Dispatcher::spoil() {
  close_shop(wire::Refusal::stale);
  pool_.set_breeding(false);
  drop_idle();
}

void Dispatcher::set_pressure(bool pressed) {
  pool_.set_pressure(pressed);
  trim();
  disturbed();
}

void Dispatcher::breeding_changed(bool can_fork) {
  // A new zygote may do better.
  if (std::exchange(bred_, hatchery_->generation()) != hatchery_->generation()) early_ends_ = 0;
  if (spoilt() || early_ends_ >= k_most_early_ends) can_fork = false;
  pool_.set_breeding(can_fork);
  // Idle workers of an earlier zygote serve only until this one's first worker comes.
  const bool outdated = !idle_.empty() && idle_.front()->generation != hatchery_->generation();
  if (can_fork) order(outdated ? pool_.full() : pool_.quiet_forks());
  changed_();
}

void Dispatcher::order(unsigned forks) {
  if (early_ends_ < k_most_early_ends) order_now(forks);
}

void Dispatcher::order_now(unsigned forks) {
  if (forks == 0 || stopping_ || !hatchery_->warm()) return;
  pool_.forks_ordered(forks);
  hatchery_->order_forks(forks);
  if (!stalled_.armed()) stalled_.arm(k_stall);
}

// Something (a module imported after the fork, say) ends them: forking on would only heat the room.
void Dispatcher::worker_failed(const Worker& worker) {
  if (event::Loop::now() - worker.came > k_early_usec) return;
  if (++early_ends_ < k_most_early_ends) return;
  if (early_ends_ == k_most_early_ends)
    log::write(LOG_ERR, log::k_worker_lost,
               "idle workers end by themselves; only one at a time is tried",
               {{"PML_PID", std::to_string(worker.pid)}});
  pool_.set_breeding(false);
  trial_.arm(k_first_trial * (1 << std::min(early_ends_ - k_most_early_ends, 7U)));
}

void Dispatcher::workers_are_fine() {
  if (std::exchange(early_ends_, 0) < k_most_early_ends) return;
  trial_.disarm();
  breeding_changed(hatchery_->warm());
}

void Dispatcher::disturbed() {
  const std::uint64_t now = event::Loop::now();
  last_activity_ = now;
  if (disturbed_since_ == 0) disturbed_since_ = now;
  if (now - disturbed_since_ < k_longest_disturbance_usec) quiet_.arm(k_quiet);
}

// One at a time, so that a launch never competes with more than one fork, or with more than one
// rehearsal.
void Dispatcher::refill() {
  if (pool_.forking() > 0 || pool_.quiet_forks() == 0) return;
  const std::uint64_t now = event::Loop::now();
  const bool rehearsing = std::any_of(idle_.begin(), idle_.end(), [now](const WorkerPointer& item) {
    return !item->rehearsed && now - item->came < static_cast<std::uint64_t>(k_rehearsal.count());
  });
  if (rehearsing) {
    if (!quiet_.armed()) quiet_.arm(k_rehearsal);  // should it never tell
    return;
  }
  if (event::Loop::now() - last_dispatch_ >= static_cast<std::uint64_t>(k_quiet.count()))
    order(1);
  else
    disturbed();
}

void Dispatcher::quiet() {
  disturbed_since_ = 0;
  refill();
  log_.flush();
  if (awaited_verdicts_ > 0 && !verdicts_.armed()) verdicts_.arm(milliseconds(1000));
  changed_();
}

void Dispatcher::stalled() {
  const std::uint64_t since = event::Loop::now() - last_progress_;
  if (const microseconds most = k_stall; since < static_cast<std::uint64_t>(most.count())) {
    if (pool_.forking() > 0 || !queue_.empty()) stalled_.arm(most - microseconds(since));
    return;
  }
  ++stalls_;
  if (pool_.forking() > 0 && stalls_ >= k_stalls_to_give_up) {
    stalls_ = 0;
    hatchery_->give_up_hung_zygote();
  }
  const bool only_full = pool_.idle() > 0;  // max-jobs holds them back: that is what they wait for
  if (!queue_.empty() && !only_full) refuse_queue(wire::Refusal::warming_up, hatchery_->broken());
  if (pool_.forking() > 0 || !queue_.empty()) stalled_.arm(k_stall);
}

void Dispatcher::stop() {
  stopping_ = true;
  close_shop(wire::Refusal::stopping);
  stalled_.disarm();
  refuse_queue(wire::Refusal::stopping, true);
  drop_idle();
  // Their clients follow them on their own from here.
  std::erase_if(jobs_, [](const auto& item) { return item.second->scoped; });
  for (const auto& [pid, job] : jobs_) {
    signal(*job, SIGTERM, true);
    signal(*job, SIGCONT, true);
  }
  log_.flush();
}

void Dispatcher::kill_jobs() {
  for (const auto& [pid, job] : jobs_) signal(*job, SIGKILL, true);
}

}  // namespace pml::service
