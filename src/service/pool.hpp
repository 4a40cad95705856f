#pragma once

#include <cstdint>

namespace pml::service {

/// What a profile says about the pool. `spare` is at least 1 and at most `workers`.
struct PoolLimits {
  unsigned workers = 5;
  unsigned spare = 3;
  unsigned max_jobs = 0;  ///< 0: no limit
  unsigned max_queue = 128;
};

/// What becomes of a request that has just come.
enum class Admission {
  serve,       ///< an idle worker takes it now
  wait,        ///< it queues
  overloaded,  ///< there is no place left in the queue
  not_warm,    ///< nothing can serve it soon, and it does not want to wait
};

/// The pool's policy: counts in, decisions out. Knows nothing of processes, sockets or time; the
/// owner tells it what happened and asks what to do.
class Pool {
 public:
  explicit Pool(const PoolLimits& limits) noexcept : limits_(limits) {}

  void set_limits(const PoolLimits& limits) noexcept { limits_ = limits; }
  /// Whether a warm zygote can fork now. Losing it forgets the forks that were ordered.
  void set_breeding(bool can_fork) noexcept;
  /// Under memory pressure only one idle worker is kept.
  void set_pressure(bool pressed) noexcept { pressed_ = pressed; }

  /// @name What happened
  /// @{
  void forks_ordered(unsigned count) noexcept { forking_ += count; }
  void fork_failed() noexcept;
  void worker_came() noexcept;  ///< an idle worker arrived from the zygote
  void worker_went() noexcept;  ///< an idle worker was lost or dropped
  void request_queued() noexcept { ++queued_; }
  void request_left() noexcept;  ///< a queued request was served, refused or given up
  void job_began() noexcept;     ///< an idle worker took a job
  void other_job_began() noexcept { ++running_; }  ///< a worker that is none of this pool
  void job_ended() noexcept;
  /// @}

  /// What to do with a new request; `patient` ones wait for a pool that is still warming up.
  [[nodiscard]] Admission admit(bool patient) const noexcept;
  /// Whether `max_jobs` lets one more run now, ahead of those that queue for a worker.
  [[nodiscard]] bool may_run_more() const noexcept;
  /// Whether the oldest queued request can be handed over now.
  [[nodiscard]] bool can_serve_queued() const noexcept;
  /// How many workers to fork at once, because somebody waits or nobody would be left to serve.
  [[nodiscard]] unsigned urgent_forks() const noexcept;
  /// How many to fork when the machine is quiet: back to `workers` when fewer than `spare` are
  /// idle.
  [[nodiscard]] unsigned quiet_forks() const noexcept;
  /// How many idle workers are more than the pool should keep (memory pressure, smaller profile).
  [[nodiscard]] unsigned surplus() const noexcept;

  /// How many idle workers a full pool has.
  [[nodiscard]] unsigned full() const noexcept { return most_idle(); }

  [[nodiscard]] unsigned idle() const noexcept { return idle_; }
  [[nodiscard]] unsigned forking() const noexcept { return forking_; }
  [[nodiscard]] unsigned queued() const noexcept { return queued_; }
  [[nodiscard]] unsigned running() const noexcept { return running_; }

 private:
  void note_shortage() noexcept;
  [[nodiscard]] unsigned most_idle() const noexcept { return pressed_ ? 1 : limits_.workers; }

  PoolLimits limits_;
  unsigned idle_ = 0;
  unsigned forking_ = 0;
  unsigned queued_ = 0;
  unsigned running_ = 0;
  bool filling_ = false;  // fewer than `spare` were idle, and it is not full again
  bool breeding_ = false;
  bool pressed_ = false;
};

}  // namespace pml::service
