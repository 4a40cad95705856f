#include "ctl/samples.hpp"

#include <algorithm>
#include <array>

namespace pml::ctl {

std::uint64_t Samples::percentile(unsigned percent) const {
  if (values_.empty()) return 0;
  std::vector<std::uint64_t> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)];
}

std::vector<unsigned> Samples::counts(std::uint64_t low, std::uint64_t high,
                                      std::size_t count) const {
  std::vector<unsigned> counts(count);
  const std::uint64_t width = high > low ? high - low : 1;
  for (const std::uint64_t value : values_)
    if (value >= low && value <= high) {
      const std::uint64_t bar = (value - low) * count / width;
      ++counts[static_cast<std::size_t>(std::min<std::uint64_t>(count - 1, bar))];
    }
  return counts;
}

std::string bars(const std::vector<unsigned>& counts) {
  static constexpr std::array k_bars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (counts.empty()) return {};
  const unsigned most = std::max(1U, *std::max_element(counts.begin(), counts.end()));
  std::string text;
  for (const unsigned count : counts)
    text += k_bars[(count * (k_bars.size() - 1) + most - 1) / most];
  return text;
}

}  // namespace pml::ctl
