#include "service/launch_record.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace pml::service {

void LaunchRecord::launched(std::uint64_t usec) noexcept {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  latencies_[count_++ % k_latencies] = static_cast<std::uint32_t>(std::min(usec, most));
}

void LaunchRecord::ended(const JobName& job, const std::string& command, int wait_status,
                         std::uint64_t duration_usec) {
  last_.push_back({job.text(), command, wait_status, duration_usec});
  if (last_.size() > k_last) last_.pop_front();
}

void LaunchRecord::refused(wire::Refusal reason, std::string_view detail,
                           const std::string& command) {
  last_refused_ = {std::time(nullptr), reason, std::string(detail), command};
}

std::uint64_t LaunchRecord::percentile(unsigned percent) const {
  const std::size_t count = std::min(count_, k_latencies);
  if (count == 0) return 0;
  std::vector<std::uint32_t> sorted(latencies_.begin(),
                                    latencies_.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(sorted.begin(), sorted.end());
  return sorted[std::min(count - 1, count * percent / 100)];
}

}  // namespace pml::service
