#include "service/zygote_retries.hpp"

#include <algorithm>
#include <utility>

namespace pml::service {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_first_delay{100};
constexpr milliseconds k_longest_delay{30000};
constexpr unsigned k_most_failures = 5;

}  // namespace

std::optional<milliseconds> ZygoteRetries::next(bool by_itself) noexcept {
  if (!ever_warm_ && (by_itself || failures_ >= k_most_failures)) return std::nullopt;
  return std::exchange(delay_, std::clamp(delay_ * 2, k_first_delay, k_longest_delay));
}

}  // namespace pml::service
