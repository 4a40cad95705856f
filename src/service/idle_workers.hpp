#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "event/source.hpp"
#include "service/hatchery.hpp"
#include "service/job.hpp"
#include "service/pool.hpp"

namespace pml::service {

/// Told what concerns those who wait for a worker.
class IdleWorkersOwner {
 public:
  virtual ~IdleWorkersOwner() = default;
  /// A worker has come; it may be taken in the call.
  virtual void worker_is_there() = 0;
  [[nodiscard]] virtual bool somebody_waits() const = 0;
  /// No worker comes for so long that who waits is better served by python3. `broken`: no zygote
  /// will have one, either.
  virtual void no_worker_comes(bool broken) = 0;
  /// A worker has a job, and says something of it.
  virtual void job_link_ready(Job& job) = 0;
  /// Nothing has been asked for a moment: time for what can wait.
  virtual void machine_is_quiet() = 0;
  virtual void counts_changed() = 0;
};

/// The workers that wait for jobs. Has as many forked as Pool wants, when it disturbs nobody, and
/// finds out when none comes or they end by themselves.
class IdleWorkers {
 public:
  /// `pool`, which is told of each, and `owner` outlive it.
  IdleWorkers(event::Loop& loop, Pool& pool, IdleWorkersOwner& owner);
  /// Where they come from; set before anything else is called.
  void set_hatchery(Hatchery& hatchery) noexcept { hatchery_ = &hatchery; }

  /// The one that is warmest; null where there is none. Pool is told of what becomes of it by who
  /// takes it: by job_began(), or by drop().
  [[nodiscard]] std::unique_ptr<Worker> take();
  void drop(std::unique_ptr<Worker> worker);
  /// A request was handed to a worker, of these or another.
  void dispatched();
  /// A worker of the warm zygote took a job: they are not ending by themselves.
  void are_fine();
  /// A request waits.
  void wanted();
  /// Something was asked of the service: what can wait has to wait on.
  void disturbed();
  /// Lets go what Pool has too much of.
  void trim();
  /// Whether the warm zygote has gone stale, so that its workers are of no use; `stale`: those that
  /// are there go.
  void set_stale(bool stale);
  /// Those of an earlier zygote serve nobody any more.
  void drop_outdated();
  void stop();

  void came(pid_t pid, base::UniqueFd link, std::uint32_t generation);
  void fork_failed();
  void breeding_changed(bool can_fork);
  /// A process that is none of a job's was stopped: it goes on.
  void wake(pid_t pid);

  /// When disturbed() was called last (monotonic microseconds).
  [[nodiscard]] std::uint64_t last_disturbed() const noexcept { return last_disturbed_; }

 private:
  void ready(Worker& worker);
  void drop_all();
  void order(unsigned forks);
  void order_now(unsigned forks);
  void order_urgent() { order(pool_.urgent_forks()); }
  void failed(const Worker& worker);
  void refill();
  void quiet();
  void stalled();

  event::Loop& loop_;
  Pool& pool_;
  IdleWorkersOwner& owner_;
  Hatchery* hatchery_ = nullptr;
  std::vector<std::unique_ptr<Worker>> idle_;
  event::Timer quiet_;
  event::Timer stalled_;
  event::Timer trial_;  // of a worker after many ended by themselves
  std::uint64_t disturbed_since_ = 0;
  std::uint64_t last_disturbed_ = event::Loop::now();
  std::uint64_t last_dispatch_ = 0;
  std::uint64_t last_progress_ = 0;  // when a worker came
  unsigned stalls_ = 0;
  std::uint32_t bred_ = 0;   // the generation that forks come from
  unsigned early_ends_ = 0;  // of idle workers, since one took a job
  bool stale_ = false;
  bool stopping_ = false;
};

}  // namespace pml::service
