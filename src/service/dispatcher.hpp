#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "service/ahead_source.hpp"
#include "service/client.hpp"
#include "service/hatchery.hpp"
#include "service/job.hpp"
#include "service/job_log.hpp"
#include "service/launch_record.hpp"
#include "service/pool.hpp"

namespace pml::service {

/// Brings requests and idle workers together and follows each job to its end. What to do is
/// decided by Pool; this class does it.
class Dispatcher : public ProcessListener {
 public:
  /// `changed` is called after every change of the counts; it must be cheap.
  Dispatcher(event::Loop& loop, std::function<void()> changed);
  /// The hatchery is made after its listener; set before anything else is called.
  void set_hatchery(Hatchery& hatchery) noexcept { hatchery_ = &hatchery; }
  /// Asked first for a worker, where set.
  void set_ahead(AheadSource& ahead) noexcept { ahead_ = &ahead; }
  /// `interpreter` is named in refusals, for the client to execute. `whole_commands`: jobs are
  /// called by their command lines, else by their programs alone.
  void configure(const PoolLimits& limits, std::string interpreter, bool whole_commands);

  /// Hands `ticket` to an idle worker, queues it or refuses it. `request` is decoded from it.
  void submit(Ticket ticket, const wire::Request& request);
  void refuse(Client& client, wire::Refusal reason, std::string_view detail,
              const std::string& command = {});

  /// Refuses what waits and drops the idle workers; running jobs get SIGTERM, in their groups.
  void stop();
  /// SIGKILL to the groups of what still runs.
  void kill_jobs();
  [[nodiscard]] bool has_jobs() const noexcept { return !jobs_.empty(); }

  /// Calls `look` before each request is handed over, so that it can close the shop.
  void set_last_look(std::function<void()> look) { last_look_ = std::move(look); }
  /// Calls `handed` for each job that a worker was handed.
  void set_handed(std::function<void(const Job&)> handed) { handed_ = std::move(handed); }
  /// The job of this number lives in a control group of its own now: stop() leaves it alone.
  void mark_scoped(std::uint64_t number);
  /// Refuses new requests with `reason` until called with nothing; those who wait for a warm pool
  /// wait for a fresh one as well.
  void close_shop(std::optional<wire::Refusal> reason) noexcept { closed_ = reason; }
  /// The warm zygote has gone stale: its workers are not used any more, and refusals say so.
  void spoil();
  void set_pressure(bool pressed);

  /// A child of this very process has changed its state (wait status as wait4(2) gives it).
  void child_changed(const End& end);

  /// Sends `signal` to the job's process group. False where there is no such job.
  bool signal_job(std::string_view name, int signal);

  /// Whether nothing runs or waits; and when that was last not so (monotonic microseconds).
  [[nodiscard]] bool at_rest() const noexcept { return jobs_.empty() && queue_.empty(); }
  [[nodiscard]] std::uint64_t last_activity() const noexcept { return last_activity_; }

  [[nodiscard]] const Pool& pool() const noexcept { return pool_; }
  [[nodiscard]] const LaunchRecord& record() const noexcept { return record_; }
  [[nodiscard]] std::uint64_t served() const noexcept { return served_; }
  [[nodiscard]] const std::map<wire::Refusal, std::uint64_t>& refusals() const noexcept {
    return refusals_;
  }
  [[nodiscard]] const std::unordered_map<pid_t, std::unique_ptr<Job>>& jobs() const noexcept {
    return jobs_;
  }

  void worker_came(pid_t pid, base::UniqueFd link, std::uint32_t generation) override;
  void fork_failed() override;
  void process_ended(const End& end) override;
  void process_stopped(pid_t pid, int signal) override;
  void process_continued(pid_t pid) override;
  void breeding_changed(bool can_fork) override;
  void parent_lost(std::uint32_t generation) override;

 private:
  using WorkerPointer = std::unique_ptr<Worker>;

  // dispatcher.cpp: requests and idle workers
  bool serve_ahead(Ticket& ticket, const wire::Request& request);
  void hand_over(Ticket ticket, Label label, const wire::Request* request);
  int give(const Worker& worker, const Ticket& ticket, base::UniqueFd& inner);
  void took(WorkerPointer worker, Ticket ticket, Label label, base::UniqueFd inner);
  void enqueue(Ticket ticket, Label label);
  void serve_queue();
  void note_refusal(const Client& client, wire::Refusal reason, std::string_view detail,
                    const std::string& command);
  void refuse_queue(wire::Refusal reason, bool patient_too);
  void drop_worker(WorkerPointer worker);
  void idle_worker_ready(Worker& worker);
  void drop_idle();
  void trim();
  [[nodiscard]] bool spoilt() const noexcept { return closed_ == wire::Refusal::stale; }
  void order(unsigned forks);
  void order_now(unsigned forks);
  void worker_failed(const Worker& worker);
  void workers_are_fine();
  void order_urgent() { order(pool_.urgent_forks()); }
  void disturbed();
  void refill();
  void quiet();
  void stalled();

  // job_following.cpp: jobs
  void link_ready(Worker& worker);
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
  void wake_worker(pid_t pid);
  void signal(Job& job, int signal, bool whole_group);
  void finish(Job& job, const End& end);
  void check_verdicts();
  void give_up_silent(Job& job);
  Job* find(pid_t pid) noexcept;

  event::Loop& loop_;
  std::function<void()> changed_;
  Hatchery* hatchery_ = nullptr;
  AheadSource* ahead_ = nullptr;
  Pool pool_{PoolLimits{}};
  std::string interpreter_;
  bool whole_commands_ = true;
  std::vector<WorkerPointer> idle_;
  struct Waiting {
    Ticket ticket;
    Label label;
  };
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  std::unordered_map<pid_t, std::unique_ptr<Job>> jobs_;
  JobLog log_;
  LaunchRecord record_;
  std::map<wire::Refusal, std::uint64_t> refusals_;
  std::optional<wire::Refusal> closed_;
  std::function<void()> last_look_;
  std::function<void(const Job&)> handed_;
  std::uint64_t last_activity_ = event::Loop::now();
  event::Timer quiet_;
  event::Timer stalled_;
  event::Timer verdicts_;
  event::Timer stops_;
  event::Timer trial_;  // of a worker after many ended by themselves
  std::uint64_t disturbed_since_ = 0;
  std::uint64_t last_dispatch_ = 0;
  std::uint64_t last_progress_ = 0;  // when a worker came
  std::uint64_t served_ = 0;
  std::uint64_t jobs_begun_ = 0;
  unsigned stalls_ = 0;
  std::uint32_t bred_ = 0;   // the generation that forks come from
  unsigned early_ends_ = 0;  // of idle workers, since one took a job
  unsigned awaited_verdicts_ = 0;
  bool stopping_ = false;
};

}  // namespace pml::service
