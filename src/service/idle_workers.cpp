#include "service/idle_workers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "wire/channel.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A refill and the journal wait until nothing was dispatched for so long …
constexpr microseconds k_quiet{2500};
/// … but no longer than this in all.
constexpr std::uint64_t k_longest_disturbance_usec = 10000;
/// After so long a worker that has not told so is taken for rehearsed.
constexpr microseconds k_rehearsal{50000};
/// No worker came for so long: who waits is better served by python3.
constexpr milliseconds k_stall{1000};
/// After so many stalls a zygote that owes workers is taken for hung.
constexpr unsigned k_stalls_to_give_up = 3;
/// So many workers that end within this time of their start, and none that took a job.
constexpr unsigned k_most_early_ends = 20;
constexpr std::uint64_t k_early_usec = 2000000;
constexpr milliseconds k_first_trial{100};

}  // namespace

IdleWorkers::IdleWorkers(event::Loop& loop, Pool& pool, IdleWorkersOwner& owner)
    : loop_(loop),
      pool_(pool),
      owner_(owner),
      quiet_(
          loop, [this] { quiet(); }, microseconds(200)),
      stalled_(loop, [this] { stalled(); }),
      trial_(loop, [this] { order_now(1); }) {
  quiet_.set_priority(event::k_priority_last);
}

std::unique_ptr<Worker> IdleWorkers::take() {
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Worker> worker = std::move(idle_.back());
  idle_.pop_back();
  return worker;
}

void IdleWorkers::drop(std::unique_ptr<Worker> worker) {
  worker.reset();
  pool_.worker_went();
}

void IdleWorkers::dispatched() {
  last_dispatch_ = event::Loop::now();
  order_urgent();
  disturbed();
}

void IdleWorkers::wanted() {
  order_urgent();
  if (!stalled_.armed()) stalled_.arm(k_stall);
}

void IdleWorkers::set_stale(bool stale) {
  stale_ = stale;
  if (!stale) return;
  pool_.set_breeding(false);
  drop_all();
}

void IdleWorkers::drop_outdated() {
  if (!idle_.empty() && idle_.front()->generation != hatchery_->generation()) drop_all();
}

void IdleWorkers::stop() {
  stopping_ = true;
  stalled_.disarm();
  drop_all();
}

void IdleWorkers::came(pid_t pid, base::UniqueFd link, std::uint32_t generation) {
  stalls_ = 0;
  last_progress_ = event::Loop::now();
  if (stopping_ || stale_ || generation != hatchery_->generation()) {
    pool_.fork_failed();
    return;  // closing its link ends it
  }
  drop_outdated();
  auto worker = std::make_unique<Worker>();
  worker->pid = pid;
  worker->generation = generation;
  worker->came = event::Loop::now();
  worker->link = std::move(link);
  worker->watch =
      event::Io(loop_, worker->link.borrow(), EPOLLIN, [this, self = worker.get()](std::uint32_t) {
        self->job != nullptr ? owner_.job_link_ready(*self->job) : ready(*self);
      });
  idle_.push_back(std::move(worker));
  pool_.worker_came();
  owner_.worker_is_there();
  trim();
  order_urgent();
  refill();
  if (pool_.forking() == 0 && !owner_.somebody_waits()) stalled_.disarm();
  owner_.counts_changed();
}

void IdleWorkers::fork_failed() {
  pool_.fork_failed();
  disturbed();
}

void IdleWorkers::ready(Worker& worker) {
  std::array<char, 64> buffer;
  const wire::Received packet = wire::receive(worker.link.borrow(), buffer, MSG_DONTWAIT);
  if (packet.error == EAGAIN) return;
  const auto verdict = packet.error == 0 && packet.size > 0 && !packet.truncated
                           ? wire::decode_verdict({buffer.data(), packet.size})
                           : std::nullopt;
  if (verdict && verdict->kind == wire::VerdictKind::rehearsed) {
    worker.rehearsed = true;
    refill();
    return;
  }
  // An idle worker has nothing else to say: it has died, or is broken.
  const auto found =
      std::find_if(idle_.begin(), idle_.end(),
                   [&](const std::unique_ptr<Worker>& item) { return item.get() == &worker; });
  if (found == idle_.end()) return;
  std::unique_ptr<Worker> gone = std::move(*found);
  idle_.erase(found);
  failed(*gone);
  drop(std::move(gone));
  order_urgent();
  disturbed();
}

void IdleWorkers::drop_all() {
  while (auto worker = take()) drop(std::move(worker));
}

void IdleWorkers::trim() {
  for (unsigned surplus = pool_.surplus(); surplus > 0 && !idle_.empty(); --surplus) {
    std::unique_ptr<Worker> worker = std::move(idle_.front());
    idle_.erase(idle_.begin());
    drop(std::move(worker));
  }
}

void IdleWorkers::breeding_changed(bool can_fork) {
  // A new zygote may do better.
  if (std::exchange(bred_, hatchery_->generation()) != hatchery_->generation()) early_ends_ = 0;
  if (stale_ || early_ends_ >= k_most_early_ends) can_fork = false;
  pool_.set_breeding(can_fork);
  // Idle workers of an earlier zygote serve only until this one's first worker comes.
  const bool outdated = !idle_.empty() && idle_.front()->generation != hatchery_->generation();
  if (can_fork) order(outdated ? pool_.full() : pool_.quiet_forks());
  owner_.counts_changed();
}

void IdleWorkers::wake(pid_t pid) {
  std::uint32_t generation = hatchery_->generation();
  for (const std::unique_ptr<Worker>& worker : idle_)
    if (worker->pid == pid) generation = worker->generation;
  hatchery_->signal(generation, pid, SIGCONT, false);
}

void IdleWorkers::order(unsigned forks) {
  if (early_ends_ < k_most_early_ends) order_now(forks);
}

void IdleWorkers::order_now(unsigned forks) {
  if (forks == 0 || stopping_ || !hatchery_->warm()) return;
  pool_.forks_ordered(forks);
  hatchery_->order_forks(forks);
  if (!stalled_.armed()) stalled_.arm(k_stall);
}

// Something (a module imported after the fork, say) ends them: forking on would only heat the room.
void IdleWorkers::failed(const Worker& worker) {
  if (event::Loop::now() - worker.came > k_early_usec) return;
  if (++early_ends_ < k_most_early_ends) return;
  if (early_ends_ == k_most_early_ends)
    log::write(LOG_ERR, log::k_worker_lost,
               "idle workers end by themselves; only one at a time is tried",
               {{"PML_PID", std::to_string(worker.pid)}});
  pool_.set_breeding(false);
  trial_.arm(k_first_trial * (1 << std::min(early_ends_ - k_most_early_ends, 7U)));
}

void IdleWorkers::are_fine() {
  if (std::exchange(early_ends_, 0) < k_most_early_ends) return;
  trial_.disarm();
  breeding_changed(hatchery_->warm());
}

void IdleWorkers::disturbed() {
  const std::uint64_t now = event::Loop::now();
  last_disturbed_ = now;
  if (disturbed_since_ == 0) disturbed_since_ = now;
  if (now - disturbed_since_ < k_longest_disturbance_usec) quiet_.arm(k_quiet);
}

// One at a time, so that a launch never competes with more than one fork, or with more than one
// rehearsal.
void IdleWorkers::refill() {
  if (pool_.forking() > 0 || pool_.quiet_forks() == 0) return;
  const std::uint64_t now = event::Loop::now();
  const bool rehearsing =
      std::any_of(idle_.begin(), idle_.end(), [now](const std::unique_ptr<Worker>& item) {
        return !item->rehearsed &&
               now - item->came < static_cast<std::uint64_t>(k_rehearsal.count());
      });
  if (rehearsing) {
    if (!quiet_.armed()) quiet_.arm(k_rehearsal);  // should it never tell
    return;
  }
  if (event::Loop::now() - last_dispatch_ >= static_cast<std::uint64_t>(k_quiet.count()))
    order(1);
  else
    disturbed();
}

void IdleWorkers::quiet() {
  disturbed_since_ = 0;
  refill();
  owner_.machine_is_quiet();
}

void IdleWorkers::stalled() {
  const std::uint64_t since = event::Loop::now() - last_progress_;
  if (const microseconds most = k_stall; since < static_cast<std::uint64_t>(most.count())) {
    if (pool_.forking() > 0 || owner_.somebody_waits()) stalled_.arm(most - microseconds(since));
    return;
  }
  ++stalls_;
  if (pool_.forking() > 0 && stalls_ >= k_stalls_to_give_up) {
    stalls_ = 0;
    hatchery_->give_up_hung_zygote();
  }
  const bool only_full = pool_.idle() > 0;  // max-jobs holds them back: that is what they wait for
  if (owner_.somebody_waits() && !only_full) owner_.no_worker_comes(hatchery_->broken());
  if (pool_.forking() > 0 || owner_.somebody_waits()) stalled_.arm(k_stall);
}

}  // namespace pml::service
