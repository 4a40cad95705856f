// The part of Dispatcher that follows jobs from the hand-over to their end.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/process_group.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/dispatcher.hpp"
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

/// The letter of the process's state in proc_pid_stat(5); 'X' where there is none.
char state_of(pid_t pid) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const base::UniqueFd file(base::k_adopt, ::open(path, O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return 'X';
  const std::string_view view(text, static_cast<std::size_t>(size));
  const std::size_t name_end = view.rfind(')');
  return name_end == std::string_view::npos || name_end + 2 >= view.size() ? 'X'
                                                                           : view[name_end + 2];
}

std::string sentence_of(int wait_status) {
  return WIFSIGNALED(wait_status)
             ? "it was killed by signal " + std::to_string(WTERMSIG(wait_status))
             : "it exited with status " + std::to_string(WEXITSTATUS(wait_status));
}

/// A client that stopped with its job cannot read that the job goes on.
void wake(const Client& client) noexcept {
  const base::UniqueFd process(base::k_adopt,
                               static_cast<int>(::syscall(SYS_pidfd_open, client.pid, 0)));
  if (!client.connection.valid()) return;
  // As long as the connection stands, the number is still the client's.
  pollfd connection{client.connection.get(), POLLRDHUP, 0};
  if (!process.valid() || ::poll(&connection, 1, 0) != 0 || state_of(client.pid) != 'T') return;
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGCONT, nullptr, 0);
}

}  // namespace

Job* Dispatcher::find(pid_t pid) noexcept {
  const auto found = jobs_.find(pid);
  return found != jobs_.end() ? found->second.get() : nullptr;
}

void Dispatcher::link_ready(Worker& worker) {
  if (worker.job == nullptr)
    idle_worker_ready(worker);
  else if (worker.job->state == JobState::handed)
    read_verdict(*worker.job);
  else
    read_end(*worker.job);
}

void Dispatcher::read_verdict(Job& job) {
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
void Dispatcher::read_end(Job& job) {
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

void Dispatcher::accepted(Job& job) {
  job.state = JobState::running;
  if (!job.client.own) record_.launched(event::Loop::now() - job.began);
  if (job.client.text) job.client.tell(reply_of(wire::ReplyKind::started, job.name.pid));
  for (const wire::ClientSignal& item : job.waiting_signals)
    signal(job, item.signal, item.whole_group != 0);
  job.waiting_signals.clear();
  if (!job.client.own) log_.started(job.name, job.label, job.client);
  if (!job.detached() && !stops_.armed()) stops_.arm(k_stop_check);
  if (job.worker->program != 0) {
    ahead_->accepted(job);
  } else {
    workers_are_fine();
    hatchery_->served();
  }
  disturbed();
}

void Dispatcher::declined(Job& job, const wire::Verdict& verdict) {
  job.state = JobState::declined;
  const auto reason = static_cast<wire::Refusal>(verdict.value);
  if (job.client.text) {
    wire::Reply reply = reply_of(wire::ReplyKind::refused, verdict.value);
    reply.text = verdict.text;
    job.client.tell(reply);
  }
  note_refusal(job.client, reason, verdict.text, job.label.command);
  if (!verdict.misled.empty()) hatchery_->misled(verdict.misled, verdict.variable);
  job.client_watch.reset();
  job.client.connection.reset();
  disturbed();
}

// The worker itself has told the client to ask again.
void Dispatcher::differed(Job& job, const std::string& why) {
  job.state = JobState::declined;
  if (ahead_ != nullptr) ahead_->differed(job, why);
  if (job.client.text) job.client.tell(reply_of(wire::ReplyKind::retry));
  job.client_watch.reset();
  job.client.connection.reset();
  disturbed();
}

void Dispatcher::lost(Job& job) {
  job.state = JobState::lost;
  if (job.worker->program != 0) ahead_->differed(job, "its worker was lost");
  job.client.tell(reply_of(wire::ReplyKind::retry));
}

void Dispatcher::watch_client(Job& job) {
  if (!job.client.connection.valid()) return;
  job.client_watch = event::Io(loop_, job.client.connection.borrow(), EPOLLIN,
                               [this, &job](std::uint32_t events) { client_ready(job, events); });
}

void Dispatcher::client_ready(Job& job, std::uint32_t events) {
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

void Dispatcher::client_bytes(Job& job, std::string_view bytes) {
  for (const char byte : bytes) {
    job.partial[job.partial_size++] = byte;
    if (job.partial_size < job.partial.size()) continue;
    job.partial_size = 0;
    wire::ClientSignal item;
    std::memcpy(&item, job.partial.data(), sizeof item);
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
void Dispatcher::client_gone(Job& job) {
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

void Dispatcher::check_stops() {
  const std::uint64_t quiet = event::Loop::now() - last_dispatch_;
  std::chrono::microseconds next =
      k_stop_check +
      std::chrono::microseconds(std::min(quiet / k_patience_share, k_most_patience_usec));
  bool any = false;
  for (const auto& [pid, job] : jobs_) {
    if (job->state != JobState::running || job->detached() || !job->client.connection.valid())
      continue;
    any = true;
    next += milliseconds(1);
    if (job->has_shepherd() || job->stopped || job->held || state_of(job->client.pid) != 'T')
      continue;
    job->held = true;
    signal(*job, SIGSTOP, false);
  }
  if (any) stops_.arm(next);
}

void Dispatcher::signal(Job& job, int signal, bool whole_group) {
  const auto through_parent = [&] {
    return job.worker->program != 0
               ? ahead_->signal(job.worker->generation, job.name.pid, signal, whole_group)
               : hatchery_->signal(job.worker->generation, job.name.pid, signal, whole_group);
  };
  if (!job.orphan) {
    if (!through_parent()) job.unheard_signals.push_back({signal, whole_group ? 1 : 0});
  } else if (whole_group) {
    base::signal_group_of(job.name.pid, signal);  // unreaped: it is still listed
  } else {
    ::kill(job.name.pid, signal);
  }
}

bool Dispatcher::signal_job(std::string_view name, int number) {
  for (const auto& [pid, job] : jobs_) {
    if (job->name.text() != name && std::to_string(pid) != name) continue;
    signal(*job, number, true);
    return true;
  }
  return false;
}

void Dispatcher::process_stopped(pid_t pid, int signal) {
  Job* job = find(pid);
  if (job != nullptr && job->state == JobState::handed) read_verdict(*job);
  if (job == nullptr || job->state != JobState::running) {
    // Nobody has a reason to stop what runs no program yet, and somebody waits for it or will.
    wake_worker(pid);
    return;
  }
  if (job->client.text || job->held) return;
  job->stopped = true;
  job->client.tell(reply_of(wire::ReplyKind::stopped, signal));
}

void Dispatcher::wake_worker(pid_t pid) {
  if (Job* job = find(pid)) {
    signal(*job, SIGCONT, false);
    return;
  }
  std::uint32_t generation = hatchery_->generation();
  for (const WorkerPointer& worker : idle_)
    if (worker->pid == pid) generation = worker->generation;
  hatchery_->signal(generation, pid, SIGCONT, false);
}

void Dispatcher::process_continued(pid_t pid) {
  Job* job = find(pid);
  if (job == nullptr || job->client.text) return;
  if (std::exchange(job->held, false)) return;
  job->client.tell(reply_of(wire::ReplyKind::continued));
  if (std::exchange(job->stopped, false)) wake(job->client);
}

void Dispatcher::process_ended(const End& end) {
  if (Job* job = find(end.pid)) finish(*job, end);
}

void Dispatcher::finish(Job& job, const End& end) {
  if (job.state == JobState::handed) read_verdict(job);  // its last word may still be there
  // A client that was told to retry although it had seen `started` needs the end as well.
  if (job.state != JobState::declined) job.client.tell(end_reply(end.wait_status));
  if (job.stopped) wake(job.client);
  if (job.state == JobState::lost) {
    log::write(LOG_WARNING, log::k_worker_lost,
               "worker " + std::to_string(job.name.pid) +
                   " was lost before its job began: " + sentence_of(end.wait_status),
               {{"PML_PID", std::to_string(job.name.pid)}, {"PML_COMMAND", job.label.command}});
  }
  if (job.state == JobState::running && !job.client.own) {
    ++served_;
    const std::uint64_t duration = event::Loop::now() - job.began;
    log_.ended(job.name, job.label, job.client, end, duration);
    record_.ended(job.name, job.label.command, end.wait_status, duration);
  }
  jobs_.erase(end.pid);
  pool_.job_ended();
  serve_queue();
  disturbed();
}

void Dispatcher::child_changed(const End& end) {
  if (WIFSTOPPED(end.wait_status))
    process_stopped(end.pid, WSTOPSIG(end.wait_status));
  else if (WIFCONTINUED(end.wait_status))
    process_continued(end.pid);
  else
    process_ended(end);
}

void Dispatcher::parent_lost(std::uint32_t generation) {
  std::vector<Job*> unknown;
  for (const auto& [pid, job] : jobs_) {
    if (job->worker->generation != generation || job->orphan) continue;
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
    pool_.job_ended();
  }
  for (const auto& [pid, job] : jobs_)
    if (job->worker->generation == generation)
      for (const auto& item : std::exchange(job->unheard_signals, {}))
        signal(*job, item.signal, item.whole_group != 0);
  serve_queue();
  disturbed();
}

// A program that has begun must not be ended because this service was late to hear of it: first
// the worker is kept from beginning, and only what is silent after that is ended.
void Dispatcher::give_up_silent(Job& job) {
  read_verdict(job);
  if (job.state != JobState::handed) return;
  if (std::exchange(job.barred, true))
    signal(job, SIGKILL, false);
  else if (job.client.text)
    ::shutdown(job.inner.get(), SHUT_RD);
  else if (job.client.connection.valid())
    ::shutdown(job.client.connection.get(), SHUT_WR);
}

void Dispatcher::check_verdicts() {
  const std::uint64_t now = event::Loop::now();
  for (const auto& [pid, job] : jobs_)
    if (job->state == JobState::handed && now - job->began >= k_verdict_usec) give_up_silent(*job);
  if (awaited_verdicts_ > 0) verdicts_.arm(k_verdict_check);
}

}  // namespace pml::service
