#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "service/ahead_source.hpp"
#include "service/client.hpp"
#include "service/hatchery.hpp"
#include "service/idle_workers.hpp"
#include "service/image_source.hpp"
#include "service/jobs.hpp"
#include "service/ledger.hpp"
#include "service/pool.hpp"

namespace pml::service {

/// Brings requests and idle workers together: queues, serves or refuses. What to do is decided by
/// Pool; the workers that wait are IdleWorkers', what becomes of a job is followed by Jobs, and who
/// was served and refused stands in the Ledger.
class Dispatcher : public ProcessListener, private JobOwner, private IdleWorkersOwner {
 public:
  /// `changed` is called after every change of the counts; it must be cheap.
  Dispatcher(event::Loop& loop, std::function<void()> changed);
  /// The hatchery is made after its listener; set before anything else is called.
  void set_hatchery(Hatchery& hatchery) noexcept;
  /// Where those who become their jobs themselves are served from.
  [[nodiscard]] ImageSource& images() noexcept { return images_; }
  /// Whether those clients that ask become their jobs themselves, and whether programs that run
  /// ahead come first all the same.
  void set_launch(profile::Launch launch) noexcept { launch_ = launch; }
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
  void kill_jobs() { jobs_.kill(); }
  [[nodiscard]] bool has_jobs() const noexcept { return !jobs_.empty(); }

  /// Calls `look` before each request is handed over, so that it can close the shop.
  void set_last_look(std::function<void()> look) { last_look_ = std::move(look); }
  /// Calls `handed` for each job that a worker was handed.
  void set_handed(std::function<void(const Job&)> handed) { handed_ = std::move(handed); }
  /// The job of this number lives in a control group of its own now: stop() leaves it alone.
  void mark_scoped(std::uint64_t number) { jobs_.mark_scoped(number); }
  /// Refuses new requests with `reason` until open_shop(). `stale`: the warm zygote's workers are
  /// not used any more, and those who wait for a warm pool wait for a fresh one as well.
  void close_shop(wire::Refusal reason) { set_closed(reason); }
  void open_shop() { set_closed(std::nullopt); }
  /// Who comes from now on gets a worker of the zygote that is warm now.
  void drop_outdated() { idle_.drop_outdated(); }
  void set_pressure(bool pressed);

  /// A child of this very process has changed its state (wait status as wait4(2) gives it).
  void child_changed(const End& end);

  /// Sends `signal` to the job's process group. False where there is no such job.
  bool signal_job(std::string_view name, int signal) { return jobs_.signal_job(name, signal); }

  /// Whether nothing runs or waits; and when that was last not so (monotonic microseconds).
  [[nodiscard]] bool at_rest() const noexcept { return jobs_.empty() && queue_.empty(); }
  [[nodiscard]] std::uint64_t last_activity() const noexcept { return idle_.last_disturbed(); }

  [[nodiscard]] const Pool& pool() const noexcept { return pool_; }
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }
  [[nodiscard]] const Jobs& jobs() const noexcept { return jobs_; }

  // ProcessListener
  void worker_came(pid_t pid, base::UniqueFd link, std::uint32_t generation) override {
    idle_.came(pid, std::move(link), generation);
  }
  void fork_failed() override { idle_.fork_failed(); }
  void process_ended(const End& end) override { jobs_.ended(end); }
  void process_stopped(pid_t pid, int signal) override;
  void process_continued(pid_t pid) override { jobs_.continued(pid); }
  void breeding_changed(bool can_fork) override { idle_.breeding_changed(can_fork); }
  void parent_lost(std::uint32_t generation) override;

 private:
  using WorkerPointer = std::unique_ptr<Worker>;

  // JobOwner
  void job_accepted(const Job& job) override;
  void job_declined(const wire::Verdict& verdict) override;
  void job_not_begun(const Job& job, const std::string& why) override;
  void in_place_not_begun(bool declined) override;
  void job_ended() override;
  [[nodiscard]] bool signal_through_parent(const Job& job, int signal, bool whole_group) override;
  // IdleWorkersOwner
  void worker_is_there() override { serve_queue(); }
  [[nodiscard]] bool somebody_waits() const override { return !queue_.empty(); }
  void no_worker_comes(bool broken) override { refuse_queue(wire::Refusal::warming_up, broken); }
  void job_link_ready(Job& job) override { jobs_.link_ready(job); }
  void machine_is_quiet() override;
  void counts_changed() override { changed_(); }

  void serve_in_place(Ticket ticket, const wire::Request& request);
  [[nodiscard]] const char* obstacle_in_place(const wire::Request& request);
  bool serve_ahead(Ticket& ticket, const wire::Request& request);
  void hand_over(Ticket ticket, Label label, const wire::Request* request);
  int give(const Worker& worker, const Ticket& ticket, base::UniqueFd& inner);
  void took(WorkerPointer worker, Ticket ticket, Label label, base::UniqueFd inner);
  void enqueue(Ticket ticket, Label label);
  void serve_queue();
  void refuse_queue(wire::Refusal reason, bool patient_too);
  void set_closed(std::optional<wire::Refusal> reason);
  [[nodiscard]] bool spoilt() const noexcept { return closed_ == wire::Refusal::stale; }

  event::Loop& loop_;
  std::function<void()> changed_;
  Hatchery* hatchery_ = nullptr;
  AheadSource* ahead_ = nullptr;
  ImageSource images_;
  profile::Launch launch_ = profile::Launch::worker;
  bool declined_in_place_ = false;  // the last one; a worker tells why
  Pool pool_{PoolLimits{}};
  std::string interpreter_;
  bool whole_commands_ = true;
  struct Waiting {
    Ticket ticket;
    Label label;
  };
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  std::optional<wire::Refusal> closed_;
  std::function<void()> last_look_;
  std::function<void(const Job&)> handed_;
  Ledger ledger_;
  Jobs jobs_;
  IdleWorkers idle_;
  bool stopping_ = false;
};

}  // namespace pml::service
