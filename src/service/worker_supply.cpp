#include "service/worker_supply.hpp"

namespace pml::service {

namespace {

constexpr unsigned k_most_losses = 3;

}  // namespace

bool WorkerSupply::wants_one(const Counts& waiting, bool further) const noexcept {
  if (forking_ > 0 || waiting.ready != waiting.all) return false;
  const bool one_more = further && may_go_further_ && wanted_ > 0;
  return waiting.all < wanted_ + (one_more ? 1 : 0);
}

void WorkerSupply::arrived() noexcept {
  if (forking_ > 0) --forking_;
}

bool WorkerSupply::lost_too_many() noexcept {
  return ++losses_ >= k_most_losses;
}

}  // namespace pml::service
