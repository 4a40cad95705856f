// The part of Jobs that follows those which run in their callers' own processes.
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "service/jobs.hpp"

namespace pml::service {

base::UniqueFd Jobs::watch_of_process(pid_t pid) noexcept {
  if (reports_.address().empty() || jobs_.count(pid) != 0) return {};
  return base::UniqueFd(base::k_adopt, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

void Jobs::took_in_place(Ticket ticket, Label label, base::UniqueFd process) {
  auto job = std::make_unique<Job>();
  job->in_place = true;
  job->name = {ticket.client.pid, ++begun_};
  job->worker = std::make_unique<Worker>();
  job->worker->pid = ticket.client.pid;
  job->client = std::move(ticket.client);
  job->label = std::move(label);
  job->flags = ticket.flags;
  job->began = event::Loop::now();
  job->process = std::move(process);
  Job& here = *job;
  jobs_.insert_or_assign(here.name.pid, std::move(job));
  watch_client(here);
  here.process_watch = event::Io(loop_, here.process.borrow(), EPOLLIN,
                                 [this, &here](std::uint32_t) { process_gone(here); });
}

void Jobs::told_in_place(Job& job, const wire::ClientSignal& item) {
  if (item.signal == wire::k_in_place_begins && job.state == JobState::handed) {
    accepted(job);
  } else if (item.signal == wire::k_in_place_declined && job.state == JobState::handed) {
    job.state = JobState::declined;
    ledger_.refused(job.client, static_cast<wire::Refusal>(item.whole_group), {},
                    job.label.command);
  }
}

// Who has not begun by now runs otherwise: in a worker, or as python3.
void Jobs::left_in_place(Job& job) {
  job.client_watch.reset();
  job.client.connection.reset();
  if (job.state == JobState::running) return;
  const bool declined = job.state == JobState::declined;
  jobs_.erase(job.name.pid);
  owner_.in_place_not_begun(declined);
  owner_.job_ended();
}

void Jobs::process_gone(Job& job) {
  job.process_watch.reset();
  reports_.read();  // its own word was sent before
  End end{job.name.pid};
  end.wait_status = job.told.value_or(0) << 8;
  end.known = job.told.has_value();
  finish(job, end);
}

void Jobs::heard_end(int pid, int status) {
  Job* const job = find(pid);
  if (job != nullptr && job->in_place) job->told = status & 0xff;
}

bool Jobs::signal_in_place(const Job& job, int signal) noexcept {
  return ::syscall(SYS_pidfd_send_signal, job.process.get(), signal, nullptr, 0) == 0;
}

}  // namespace pml::service
