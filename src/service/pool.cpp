#include "service/pool.hpp"

#include <algorithm>

namespace pml::service {

namespace {

/// Forks ordered ahead at most: a longer list would only delay the zygote's other orders.
constexpr unsigned k_most_forking = 16;

void decrease(unsigned& count) noexcept {
  if (count > 0) --count;
}

}  // namespace

void Pool::set_breeding(bool can_fork) noexcept {
  breeding_ = can_fork;
  forking_ = 0;
}

void Pool::fork_failed() noexcept {
  decrease(forking_);
}

void Pool::worker_came() noexcept {
  decrease(forking_);
  ++idle_;
  if (idle_ >= most_idle()) filling_ = false;
}

void Pool::worker_went() noexcept {
  decrease(idle_);
}

void Pool::request_left() noexcept {
  decrease(queued_);
}

void Pool::job_began() noexcept {
  decrease(idle_);
  ++running_;
  note_shortage();
}

void Pool::note_shortage() noexcept {
  if (idle_ + forking_ < std::min(limits_.spare, most_idle())) filling_ = true;
}

void Pool::job_ended() noexcept {
  decrease(running_);
}

bool Pool::may_run_more() const noexcept {
  return limits_.max_jobs == 0 || running_ < limits_.max_jobs;
}

Admission Pool::admit(bool patient) const noexcept {
  if (idle_ > 0 && queued_ == 0 && may_run_more()) return Admission::serve;
  if (idle_ == 0 && !breeding_ && !patient) return Admission::not_warm;
  return queued_ < limits_.max_queue ? Admission::wait : Admission::overloaded;
}

bool Pool::can_serve_queued() const noexcept {
  return queued_ > 0 && idle_ > 0 && may_run_more();
}

unsigned Pool::urgent_forks() const noexcept {
  if (!breeding_) return 0;
  unsigned wanted = std::max(queued_, 1U);
  // Where the last one went, a whole batch: one launch in so many competes with forks, not each.
  if (idle_ + forking_ == 0) wanted = std::max(wanted, most_idle());
  if (limits_.max_jobs != 0)
    wanted =
        std::min(wanted, std::max(1U, limits_.max_jobs - std::min(running_, limits_.max_jobs)));
  wanted = std::min(wanted, k_most_forking);
  const unsigned have = idle_ + forking_;
  return wanted > have ? wanted - have : 0;
}

unsigned Pool::quiet_forks() const noexcept {
  if (!breeding_) return 0;
  const unsigned have = idle_ + forking_;
  const bool short_of = filling_ || have < std::min(limits_.spare, most_idle());
  const unsigned missing = short_of && most_idle() > have ? most_idle() - have : 0;
  return std::max(missing, urgent_forks());
}

unsigned Pool::surplus() const noexcept {
  return idle_ > most_idle() ? idle_ - most_idle() : 0;
}

}  // namespace pml::service
