#include "service/pool_renewal.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pml::service {

namespace {

/// Upgrades and editors change several files in a row.
constexpr std::chrono::milliseconds k_settle_time{200};
constexpr std::uint64_t k_soon_usec = 2000000;
constexpr int k_most_doublings = 7;

}  // namespace

PoolRenewal::PoolRenewal(event::Loop& loop, std::function<void(const std::string&)> stale,
                         std::function<void()> renew)
    : stale_(std::move(stale)),
      sources_(loop, [this](const std::string& file) { changed(file); }),
      timer_(loop, std::move(renew)) {}

void PoolRenewal::became_warm(const std::vector<std::string>& files, timespec read_after) {
  warm_at_ = event::Loop::now();
  sources_.clear();
  if (!files.empty()) sources_.watch(files, read_after);
}

void PoolRenewal::stop() {
  timer_.disarm();
  sources_.clear();
}

void PoolRenewal::changed(const std::string& file) {
  stale_(file);
  // Files that change all the time, or whose clock is ahead, must not keep the machine busy.
  const bool again = event::Loop::now() - warm_at_ < k_soon_usec;
  renewals_ = again ? std::min(renewals_ + 1, k_most_doublings) : 0;
  timer_.arm(k_settle_time * (1 << renewals_));
}

}  // namespace pml::service
