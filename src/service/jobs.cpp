#include "service/jobs.hpp"

#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/process_group.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/client_process.hpp"
#include "wire/channel.hpp"

namespace pml::service {

namespace {

using std::chrono::milliseconds;

/// A shepherd ends its job when the client has gone, unless it hangs itself.
constexpr milliseconds k_before_kill{5000};
/// So often it is looked which clients were stopped, which nobody tells; less often for many, and
/// the longer no job has begun.
constexpr milliseconds k_stop_check{100};
constexpr std::uint64_t k_most_patience_usec = 300'000;
constexpr std::uint64_t k_patience_share = 100;
/// A worker that does not answer for so long may not begin any more: python3 is quicker.
constexpr std::uint64_t k_verdict_usec = 4000000;
constexpr milliseconds k_verdict_check{1000};
constexpr std::size_t k_most_waiting_signals = 32;

wire::Reply reply_of(wire::ReplyKind kind, int value = 0) {
  wire::Reply reply;
  reply.kind = kind;
  reply.value = value;
  return reply;
}

wire::Reply end_reply(int wait_status) {
  return WIFSIGNALED(wait_status) ? reply_of(wire::ReplyKind::killed, WTERMSIG(wait_status))
                                  : reply_of(wire::ReplyKind::exited, WEXITSTATUS(wait_status));
}

std::string sentence_of(int wait_status) {
  return WIFSIGNALED(wait_status)
             ? "it was killed by signal " + std::to_string(WTERMSIG(wait_status))
             : "it exited with status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

Jobs::Jobs(event::Loop& loop, Ledger& ledger, JobOwner& owner)
    : loop_(loop),
      ledger_(ledger),
      owner_(owner),
      reports_(loop, [this](int pid, int status) { heard_end(pid, status); }),
      verdicts_(loop, [this] { check_verdicts(); }),
      stops_(loop, [this] { check_stops(); }) {}

const Job& Jobs::took(std::unique_ptr<Worker> worker, Ticket ticket, Label label,
                      base::UniqueFd inner) {
  last_begun_ = event::Loop::now();
  auto job = std::make_unique<Job>();
  job->name = {worker->pid, ++begun_};
  worker->job = job.get();
  job->worker = std::move(worker);
  job->client = std::move(ticket.client);
  job->inner = std::move(inner);
  job->label = std::move(label);
  job->flags = ticket.flags;
  job->began = last_begun_;
  ++awaited_verdicts_;
  Job& here = *job;
  jobs_.insert_or_assign(here.name.pid, std::move(job));
  watch_client(here);
  if (!ticket.early.empty()) client_bytes(here, ticket.early);
  return here;
}

Job* Jobs::find(pid_t pid) noexcept {
  const auto found = jobs_.find(pid);
  return found != jobs_.end() ? found->second.get() : nullptr;
}

void Jobs::link_ready(Job& job) {
  if (job.state == JobState::handed)
    read_verdict(job);
  else
    read_end(job);
}

void Jobs::read_verdict(Job& job) {
  if (job.state != JobState::handed) return;
  static char buffer[wire::k_max_inline_body];
  std::optional<wire::Verdict> verdict;
  do {
    const wire::Received packet =
        wire::receive(job.worker->link.borrow(), std::span(buffer), MSG_DONTWAIT);
    if (packet.error == EAGAIN) return;
    verdict = packet.error == 0 && packet.size > 0 && !packet.truncated
                  ? wire::decode_verdict({buffer, packet.size})
                  : std::nullopt;
    // A worker that had the job before it was rehearsed says that first.
  } while (verdict && verdict->kind == wire::VerdictKind::rehearsed);
  if (awaited_verdicts_ > 0) --awaited_verdicts_;
  if (!verdict)
    lost(job);
  else if (verdict->kind == wire::VerdictKind::accepted)
    accepted(job);
  else if (verdict->kind == wire::VerdictKind::differs)
    differed(job, std::string(verdict->text));
  else
    declined(job, *verdict);
  job.inner.reset();
  if (job.state == JobState::running && job.has_shepherd()) return;
  job.worker->watch.reset();
  job.worker->link.reset();
}

/// A shepherd says how its job ended where it stays itself.
void Jobs::read_end(Job& job) {
  char buffer[128];
  const wire::Received packet =
      wire::receive(job.worker->link.borrow(), std::span(buffer), MSG_DONTWAIT);
  if (packet.error == EAGAIN) return;
  const auto said = packet.error == 0 && packet.size > 0 && !packet.truncated
                        ? wire::decode_verdict({buffer, packet.size})
                        : std::nullopt;
  job.worker->watch.reset();
  if (!said || said->kind != wire::VerdictKind::ended) return;
  finish(job, End{job.name.pid, said->value, said->cpu_usec, said->max_rss_kib});
}

void Jobs::accepted(Job& job) {
  job.state = JobState::running;
  const std::uint64_t usec = event::Loop::now() - job.began;
  if (job.client.text) job.client.tell(reply_of(wire::ReplyKind::started, job.name.pid));
  for (const wire::ClientSignal& item : job.waiting_signals)
    signal(job, item.signal, item.whole_group != 0);
  job.waiting_signals.clear();
  ledger_.started(job, usec);
  if (!job.detached() && !job.in_place && !stops_.armed()) stops_.arm(k_stop_check);
  owner_.job_accepted(job);
}

void Jobs::declined(Job& job, const wire::Verdict& verdict) {
  job.state = JobState::declined;
  const auto reason = static_cast<wire::Refusal>(verdict.value);
  if (job.client.text) {
    wire::Reply reply = reply_of(wire::ReplyKind::refused, verdict.value);
    reply.text = verdict.text;
    job.client.tell(reply);
  }
  ledger_.refused(job.client, reason, verdict.text, job.label.command);
  job.client_watch.reset();
  job.client.connection.reset();
  owner_.job_declined(verdict);
}

// The worker itself has told the client to ask again.
void Jobs::differed(Job& job, const std::string& why) {
  job.state = JobState::declined;
  if (job.client.text) job.client.tell(reply_of(wire::ReplyKind::retry));
  job.client_watch.reset();
  job.client.connection.reset();
  owner_.job_not_begun(job, why);
}

void Jobs::lost(Job& job) {
  job.state = JobState::lost;
  job.client.tell(reply_of(wire::ReplyKind::retry));
  owner_.job_not_begun(job, "its worker was lost");
}

void Jobs::watch_client(Job& job) {
  if (!job.client.connection.valid()) return;
  job.client_watch = event::Io(loop_, job.client.connection.borrow(), EPOLLIN,
                               [this, &job](std::uint32_t events) { client_ready(job, events); });
}

void Jobs::client_ready(Job& job, std::uint32_t events) {
  char buffer[256];
  const wire::Received got =
      wire::receive(job.client.connection.borrow(), std::span(buffer), MSG_DONTWAIT);
  if (got.error == EAGAIN) return;
  if (got.error == 0 && got.size > 0) {
    if (!job.client.text) client_bytes(job, {buffer, got.size});
    return;
  }
  if (got.error == 0 && (events & (EPOLLHUP | EPOLLERR)) == 0)
    job.client_watch.set_events(0);  // only its sending side is shut: hanging up is still told
  else
    client_gone(job);
}

void Jobs::client_bytes(Job& job, std::string_view bytes) {
  for (const char byte : bytes) {
    job.partial[job.partial_size++] = byte;
    if (job.partial_size < job.partial.size()) continue;
    job.partial_size = 0;
    wire::ClientSignal item;
    std::memcpy(&item, job.partial.data(), sizeof item);
    if (job.in_place) {
      told_in_place(job, item);
      continue;
    }
    if (item.signal == wire::k_end_seen) job.end_seen = true;
    if (item.signal < 1 || item.signal >= NSIG) continue;
    if (job.state == JobState::running)
      signal(job, item.signal, item.whole_group != 0);
    else if (job.waiting_signals.size() < k_most_waiting_signals)
      job.waiting_signals.push_back(item);
  }
}

// Who has not said that it knows the end was killed; nothing else ends a client before its job. A
// kill ends one process, and at once.
void Jobs::client_gone(Job& job) {
  if (job.in_place) {
    left_in_place(job);
    return;
  }
  job.client_watch.reset();
  job.client.connection.reset();
  if (job.detached() || job.barred || job.end_seen) return;
  if (!job.has_shepherd()) {
    signal(job, SIGKILL, false);
    return;
  }
  job.overdue = event::Timer(loop_, [this, &job] { signal(job, SIGKILL, false); });
  job.overdue.arm(k_before_kill);
}

void Jobs::check_stops() {
  const std::uint64_t quiet = event::Loop::now() - last_begun_;
  std::chrono::microseconds next =
      k_stop_check +
      std::chrono::microseconds(std::min(quiet / k_patience_share, k_most_patience_usec));
  bool any = false;
  for (const auto& [pid, job] : jobs_) {
    if (job->state != JobState::running || job->in_place || job->detached() ||
        !job->client.connection.valid())
      continue;
    any = true;
    next += milliseconds(1);
    if (job->has_shepherd() || job->stopped || job->held || !is_stopped(job->client)) continue;
    job->held = true;
    signal(*job, SIGSTOP, false);
  }
  if (any) stops_.arm(next);
}

void Jobs::signal(Job& job, int signal, bool whole_group) {
  if (job.in_place) {
    (void)signal_in_place(job, signal);  // its group is the caller's own
  } else if (!job.orphan) {
    if (!owner_.signal_through_parent(job, signal, whole_group))
      job.unheard_signals.push_back({signal, whole_group ? 1 : 0});
  } else if (whole_group) {
    base::signal_group_of(job.name.pid, signal);  // unreaped: it is still listed
  } else {
    ::kill(job.name.pid, signal);
  }
}

bool Jobs::signal_job(std::string_view name, int number) {
  for (const auto& [pid, job] : jobs_) {
    if (job->name.text() != name && std::to_string(pid) != name) continue;
    signal(*job, number, true);
    return true;
  }
  return false;
}

bool Jobs::stopped(pid_t pid, int signal) {
  Job* job = find(pid);
  if (job == nullptr) return false;
  if (job->state == JobState::handed) read_verdict(*job);
  if (job->state != JobState::running) {
    // Nobody has a reason to stop what runs no program yet, and somebody waits for it.
    this->signal(*job, SIGCONT, false);
  } else if (!job->client.text && !job->held) {
    job->stopped = true;
    job->client.tell(reply_of(wire::ReplyKind::stopped, signal));
  }
  return true;
}

void Jobs::continued(pid_t pid) {
  Job* job = find(pid);
  if (job == nullptr || job->client.text) return;
  if (std::exchange(job->held, false)) return;
  job->client.tell(reply_of(wire::ReplyKind::continued));
  if (std::exchange(job->stopped, false)) wake(job->client);
}

void Jobs::ended(const End& end) {
  if (Job* job = find(end.pid)) finish(*job, end);
}

void Jobs::finish(Job& job, const End& end) {
  // Its last word may still be there.
  if (job.state == JobState::handed && !job.in_place) read_verdict(job);
  // A client that was told to retry although it had seen `started` needs the end as well.
  if (job.state != JobState::declined && !job.in_place) job.client.tell(end_reply(end.wait_status));
  if (job.stopped) wake(job.client);
  if (job.state == JobState::lost) {
    log::write(LOG_WARNING, log::k_worker_lost,
               "worker " + std::to_string(job.name.pid) +
                   " was lost before its job began: " + sentence_of(end.wait_status),
               {{"PML_PID", std::to_string(job.name.pid)}, {"PML_COMMAND", job.label.command}});
  }
  if (job.state == JobState::running) ledger_.ended(job, end);
  jobs_.erase(end.pid);
  owner_.job_ended();
}

void Jobs::parent_lost(std::uint32_t generation) {
  std::vector<Job*> unknown;
  for (const auto& [pid, job] : jobs_) {
    if (job->worker->generation != generation || job->orphan || job->in_place) continue;
    job->orphan = true;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 &&
        errno == ECHILD)
      unknown.push_back(job.get());
  }
  for (Job* job : unknown) {
    log::write(LOG_WARNING, log::k_job_lost,
               "job " + job->name.text() + " ended unseen: its parent was gone",
               {{"PML_JOB", job->name.text()}, {"PML_PID", std::to_string(job->name.pid)}});
    if (job->state == JobState::handed) read_verdict(*job);
    jobs_.erase(job->name.pid);
  }
  for (const auto& [pid, job] : jobs_)
    if (job->worker->generation == generation)
      for (const auto& item : std::exchange(job->unheard_signals, {}))
        signal(*job, item.signal, item.whole_group != 0);
  for (std::size_t i = 0; i < unknown.size(); ++i) owner_.job_ended();
}

void Jobs::mark_scoped(std::uint64_t number) {
  for (const auto& [pid, job] : jobs_)
    if (job->name.number == number) job->scoped = true;
}

void Jobs::terminate() {
  // Their clients follow them on their own from here.
  std::erase_if(jobs_,
                [](const auto& item) { return item.second->scoped || item.second->in_place; });
  for (const auto& [pid, job] : jobs_) {
    signal(*job, SIGTERM, true);
    signal(*job, SIGCONT, true);
  }
}

void Jobs::kill() {
  for (const auto& [pid, job] : jobs_) signal(*job, SIGKILL, true);
}

// A program that has begun must not be ended because this service was late to hear of it: first
// the worker is kept from beginning, and only what is silent after that is ended.
void Jobs::give_up_silent(Job& job) {
  read_verdict(job);
  if (job.state != JobState::handed) return;
  if (std::exchange(job.barred, true))
    signal(job, SIGKILL, false);
  else if (job.client.text)
    ::shutdown(job.inner.get(), SHUT_RD);
  else if (job.client.connection.valid())
    ::shutdown(job.client.connection.get(), SHUT_WR);
}

void Jobs::expect_verdicts() {
  if (awaited_verdicts_ > 0 && !verdicts_.armed()) verdicts_.arm(k_verdict_check);
}

void Jobs::check_verdicts() {
  const std::uint64_t now = event::Loop::now();
  for (const auto& [pid, job] : jobs_)
    if (job->state == JobState::handed && !job->in_place && now - job->began >= k_verdict_usec)
      give_up_silent(*job);
  if (awaited_verdicts_ > 0) verdicts_.arm(k_verdict_check);
}

}  // namespace pml::service
