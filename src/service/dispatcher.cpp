#include "service/dispatcher.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "wire/channel.hpp"

namespace pml::service {

namespace {

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
      images_(loop),
      jobs_(loop, ledger_, *this),
      idle_(loop, pool_, *this) {}

void Dispatcher::set_hatchery(Hatchery& hatchery) noexcept {
  hatchery_ = &hatchery;
  idle_.set_hatchery(hatchery);
}

void Dispatcher::configure(const PoolLimits& limits, std::string interpreter, bool whole_commands) {
  pool_.set_limits(limits);
  whole_commands_ = whole_commands;
  interpreter_ = std::move(interpreter);
  idle_.trim();
}

void Dispatcher::submit(Ticket ticket, const wire::Request& request) {
  ticket.flags = request.flags;
  const bool patient = ticket.client.text || (ticket.flags & wire::k_flag_wait) != 0;
  if (last_look_) last_look_();
  if ((request.flags & wire::k_flag_in_place) != 0) {
    serve_in_place(std::move(ticket), request);
    return;
  }
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

const char* Dispatcher::obstacle_in_place(const wire::Request& request) {
  if (launch_ == profile::Launch::worker) return "the profile says so";
  if (stopping_ || closed_ || !images_.of(hatchery_->generation()).valid()) return "no image";
  if (!pool_.may_run_more() || !queue_.empty()) return "as many jobs run as may";
  if (std::exchange(declined_in_place_, false)) return "the last one was declined";
  if (launch_ == profile::Launch::automatic && ahead_ != nullptr && ahead_->runs_ahead(request))
    return "the program runs ahead";
  return nullptr;
}

void Dispatcher::serve_in_place(Ticket ticket, const wire::Request& request) {
  wire::Reply reply;
  base::UniqueFd process;
  const char* why = obstacle_in_place(request);
  if (why == nullptr) process = jobs_.watch_of_process(ticket.client.pid);
  if (why == nullptr && !process.valid()) why = "its process cannot be followed";
  if (why != nullptr) {
    reply.kind = wire::ReplyKind::by_worker;
    reply.text = why;
    ticket.client.tell(reply);
    return;
  }
  reply.kind = wire::ReplyKind::in_place;
  reply.text = jobs_.end_address();
  const std::string frame = wire::encode_frame(reply);
  const int image = images_.of(hatchery_->generation()).get();
  if (wire::send_some(ticket.client.connection.borrow(), frame, {&image, 1}, MSG_DONTWAIT) !=
      static_cast<long>(frame.size()))
    return;
  pool_.other_job_began();
  jobs_.took_in_place(std::move(ticket), label_of(request, whole_commands_), std::move(process));
  idle_.disturbed();
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
  worker->watch =
      event::Io(loop_, worker->link.borrow(), EPOLLIN,
                [this, self = worker.get()](std::uint32_t) { jobs_.link_ready(*self->job); });
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
  while (WorkerPointer worker = idle_.take()) {
    const int error = give(*worker, ticket, inner);
    if (error == 0) {
      ticket.descriptors.clear();
      if (request != nullptr) label = label_of(*request, whole_commands_);
      pool_.job_began();
      took(std::move(worker), std::move(ticket), std::move(label), std::move(inner));
      return;
    }
    idle_.drop(std::move(worker));
    if (!is_requests_fault(error)) continue;
    refuse(ticket.client, wire::Refusal::context, "too many descriptors at once", label.command);
    return;
  }
  if (request != nullptr) label = label_of(*request, whole_commands_);
  enqueue(std::move(ticket), std::move(label));
}

void Dispatcher::took(WorkerPointer worker, Ticket ticket, Label label, base::UniqueFd inner) {
  const Job& job =
      jobs_.took(std::move(worker), std::move(ticket), std::move(label), std::move(inner));
  if (handed_) handed_(job);
  idle_.dispatched();
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
  idle_.wanted();
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
  ledger_.refused(client, reason, detail, command);
  idle_.disturbed();
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

void Dispatcher::set_closed(std::optional<wire::Refusal> reason) {
  closed_ = reason;
  idle_.set_stale(spoilt());
}

void Dispatcher::set_pressure(bool pressed) {
  pool_.set_pressure(pressed);
  idle_.trim();
  idle_.disturbed();
}

void Dispatcher::stop() {
  stopping_ = true;
  close_shop(wire::Refusal::stopping);
  idle_.stop();
  refuse_queue(wire::Refusal::stopping, true);
  jobs_.terminate();
  ledger_.flush();
}

void Dispatcher::child_changed(const End& end) {
  if (WIFSTOPPED(end.wait_status))
    process_stopped(end.pid, WSTOPSIG(end.wait_status));
  else if (WIFCONTINUED(end.wait_status))
    process_continued(end.pid);
  else
    process_ended(end);
}

void Dispatcher::process_stopped(pid_t pid, int signal) {
  // Nobody has a reason to stop what runs no program yet, and somebody will wait for it.
  if (!jobs_.stopped(pid, signal)) idle_.wake(pid);
}

void Dispatcher::parent_lost(std::uint32_t generation) {
  jobs_.parent_lost(generation);
  serve_queue();
  idle_.disturbed();
}

void Dispatcher::job_accepted(const Job& job) {
  if (job.in_place) {
    hatchery_->served();
  } else if (job.worker->program != 0) {
    ahead_->accepted(job);
  } else {
    idle_.are_fine();
    hatchery_->served();
  }
  idle_.disturbed();
}

void Dispatcher::job_declined(const wire::Verdict& verdict) {
  if (!verdict.misled.empty()) hatchery_->misled(verdict.misled, verdict.variable);
  idle_.disturbed();
}

void Dispatcher::job_not_begun(const Job& job, const std::string& why) {
  const bool shared = job.state == JobState::lost && job.worker->program == 0;
  if (ahead_ != nullptr && !shared) ahead_->differed(job, why);
  idle_.disturbed();
}

void Dispatcher::in_place_not_begun(bool declined) {
  declined_in_place_ = declined_in_place_ || declined;
  idle_.disturbed();
}

void Dispatcher::job_ended() {
  pool_.job_ended();
  serve_queue();
  idle_.disturbed();
}

bool Dispatcher::signal_through_parent(const Job& job, int signal, bool whole_group) {
  const Worker& worker = *job.worker;
  return worker.program != 0
             ? ahead_->signal(worker.generation, job.name.pid, signal, whole_group)
             : hatchery_->signal(worker.generation, job.name.pid, signal, whole_group);
}

void Dispatcher::machine_is_quiet() {
  ledger_.flush();
  jobs_.expect_verdicts();
  changed_();
}

}  // namespace pml::service
