#include "service/job_log.hpp"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "log/journal.hpp"
#include "log/message_ids.hpp"

namespace pml::service {

namespace {

constexpr std::size_t k_most_entries = 1000;

}  // namespace

std::string JobName::text() const {
  return std::to_string(pid) + "-" + std::to_string(number);
}

void JobLog::started(const JobName& job, const Label& label, const Client& client) {
  if (started_.size() >= k_most_entries) flush();
  started_.emplace(job.number, Start{job, label.command, label.cwd, client.pid});
}

void JobLog::ended(const JobName& job, const Label& label, const Client& client, const End& end,
                   std::uint64_t duration_usec) {
  started_.erase(job.number);
  Entry entry;
  entry.job = job;
  entry.command = label.command;
  entry.cwd = label.cwd;
  entry.client = client.pid;
  entry.end = end;
  entry.duration_usec = duration_usec;
  entries_.push_back(std::move(entry));
  if (entries_.size() >= k_most_entries) flush();
}

void JobLog::refused(const Client& client, wire::Refusal reason, std::string detail,
                     const std::string& command) {
  Entry entry;
  entry.is_refusal = true;
  entry.refusal = reason;
  entry.detail = std::move(detail);
  entry.command = command;
  entry.client = client.pid;
  entries_.push_back(std::move(entry));
  if (entries_.size() >= k_most_entries) flush();
}

void JobLog::flush() {
  const auto starts = std::exchange(started_, {});
  for (const auto& [number, start] : starts) write_start(start);
  const auto entries = std::exchange(entries_, {});
  for (const Entry& entry : entries) entry.is_refusal ? write_refusal(entry) : write_end(entry);
}

void JobLog::write_start(const Start& start) {
  log::write(LOG_INFO, log::k_job_started, "job " + start.job.text() + " started: " + start.command,
             {{"PML_JOB", start.job.text()},
              {"PML_PID", std::to_string(start.job.pid)},
              {"PML_COMMAND", start.command},
              {"PML_CWD", start.cwd},
              {"PML_CLIENT_PID", std::to_string(start.client)}});
}

void JobLog::write_end(const Entry& entry) {
  if (!entry.end.known) {
    log::write(LOG_INFO, log::k_job_exited,
               "job " + entry.job.text() + " ended, its caller knows how: " + entry.command,
               {{"PML_JOB", entry.job.text()},
                {"PML_PID", std::to_string(entry.job.pid)},
                {"PML_COMMAND", entry.command},
                {"PML_CWD", entry.cwd},
                {"PML_DURATION_USEC", std::to_string(entry.duration_usec)}});
    return;
  }
  const int status = entry.end.wait_status;
  const bool killed = WIFSIGNALED(status);
  const int code = killed ? WTERMSIG(status) : WEXITSTATUS(status);
  const char* name = killed ? ::sigabbrev_np(code) : nullptr;
  const std::string how = !killed           ? "exited with status " + std::to_string(code)
                          : name != nullptr ? "was killed by SIG" + std::string(name)
                                            : "was killed by signal " + std::to_string(code);
  log::write(LOG_INFO, killed ? log::k_job_killed : log::k_job_exited,
             "job " + entry.job.text() + " " + how + ": " + entry.command,
             {{"PML_JOB", entry.job.text()},
              {"PML_PID", std::to_string(entry.job.pid)},
              {"PML_COMMAND", entry.command},
              {"PML_CWD", entry.cwd},
              {"PML_CLIENT_PID", std::to_string(entry.client)},
              {killed ? "PML_SIGNAL" : "PML_EXIT_STATUS", std::to_string(code)},
              {"PML_DURATION_USEC", std::to_string(entry.duration_usec)},
              {"PML_CPU_USEC", std::to_string(entry.end.cpu_usec)},
              {"PML_MAX_RSS_KIB", std::to_string(entry.end.max_rss_kib)}});
}

void JobLog::write_refusal(const Entry& entry) {
  std::string message = "a request was refused: " + std::string(wire::sentence_of(entry.refusal));
  if (!entry.detail.empty()) message += " (" + entry.detail + ")";
  log::write(LOG_INFO, log::k_request_refused, message,
             {{"PML_REASON", std::string(wire::name_of(entry.refusal))},
              {"PML_COMMAND", entry.command},
              {"PML_CLIENT_PID", std::to_string(entry.client)}});
}

}  // namespace pml::service
