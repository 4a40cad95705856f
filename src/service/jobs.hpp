#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "event/source.hpp"
#include "service/end_reports.hpp"
#include "service/hatchery.hpp"
#include "service/job.hpp"
#include "service/ledger.hpp"

namespace pml::service {

/// Told what becomes of jobs, by those who gave them out.
class JobOwner {
 public:
  virtual ~JobOwner() = default;
  /// The worker has begun with its job.
  virtual void job_accepted(const Job& job) = 0;
  /// The worker cannot serve this caller exactly; the client executes python3.
  virtual void job_declined(const wire::Verdict& verdict) = 0;
  /// The worker, which had run its program ahead, is not this caller's, or any worker was lost
  /// before it began; the client asks again.
  virtual void job_not_begun(const Job& job, const std::string& why) = 0;
  /// A client that was given an image did not become the job; `declined`: as that could not serve
  /// it. job_ended() follows.
  virtual void in_place_not_begun(bool declined) = 0;
  /// A job's process is gone, and the job with it.
  virtual void job_ended() = 0;
  /// Sends `signal` through the job's parent. False where that one is leaving and hears nothing.
  [[nodiscard]] virtual bool signal_through_parent(const Job& job, int signal,
                                                   bool whole_group) = 0;
};

/// Follows each job from the hand-over to its end: the worker's word, the client's signals, stops,
/// the end, and who is to be told of each.
class Jobs {
 public:
  /// `ledger` and `owner` outlive it.
  Jobs(event::Loop& loop, Ledger& ledger, JobOwner& owner);

  /// `worker` was handed the job; its link's watch calls link_ready() from now on. `inner`: this
  /// side's end of what a text client's worker speaks with.
  const Job& took(std::unique_ptr<Worker> worker, Ticket ticket, Label label, base::UniqueFd inner);
  /// @name Jobs that run in their clients' own processes
  /// @{
  /// What the end of a client's process is heard by; invalid where it cannot be followed.
  [[nodiscard]] base::UniqueFd watch_of_process(pid_t pid) noexcept;
  /// The ticket's client was given an image; `process` is from watch_of_process().
  void took_in_place(Ticket ticket, Label label, base::UniqueFd process);
  /// Where they tell their end.
  [[nodiscard]] const std::string& end_address() { return reports_.address(); }
  /// @}
  /// The link of the job's worker is readable.
  void link_ready(Job& job);
  /// Looks at those whose worker has not answered, unless that is done already.
  void expect_verdicts();

  /// What the jobs' parents say of a process. False where it is no job's.
  bool stopped(pid_t pid, int signal);
  void continued(pid_t pid);
  void ended(const End& end);
  /// The zygote or template of `generation` is gone: its jobs are this process's own children now.
  void parent_lost(std::uint32_t generation);

  /// Sends `signal` to the process group of the job of that name or number.
  bool signal_job(std::string_view name, int signal);
  /// The job of this number lives in a control group of its own now: terminate() leaves it alone.
  void mark_scoped(std::uint64_t number);
  /// SIGTERM to the groups of all that do not live in control groups of their own.
  void terminate();
  void kill();

  [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }
  [[nodiscard]] const std::unordered_map<pid_t, std::unique_ptr<Job>>& all() const noexcept {
    return jobs_;
  }

 private:
  void read_verdict(Job& job);
  void accepted(Job& job);
  void declined(Job& job, const wire::Verdict& verdict);
  void differed(Job& job, const std::string& why);
  void lost(Job& job);
  void watch_client(Job& job);
  void client_ready(Job& job, std::uint32_t events);
  void client_bytes(Job& job, std::string_view bytes);
  void client_gone(Job& job);
  void read_end(Job& job);
  void check_stops();
  void told_in_place(Job& job, const wire::ClientSignal& item);
  void left_in_place(Job& job);
  void process_gone(Job& job);
  void heard_end(int pid, int status);
  static bool signal_in_place(const Job& job, int signal) noexcept;
  void signal(Job& job, int signal, bool whole_group);
  void finish(Job& job, const End& end);
  void check_verdicts();
  void give_up_silent(Job& job);
  Job* find(pid_t pid) noexcept;

  event::Loop& loop_;
  Ledger& ledger_;
  JobOwner& owner_;
  std::unordered_map<pid_t, std::unique_ptr<Job>> jobs_;
  EndReports reports_;
  event::Timer verdicts_;
  event::Timer stops_;
  std::uint64_t begun_ = 0;
  std::uint64_t last_begun_ = 0;  // monotonic microseconds
  unsigned awaited_verdicts_ = 0;
};

}  // namespace pml::service
