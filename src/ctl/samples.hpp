#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pml::ctl {

/// Times that were measured, in microseconds.
class Samples {
 public:
  void add(std::uint64_t usec) { values_.push_back(usec); }
  [[nodiscard]] const std::vector<std::uint64_t>& values() const noexcept { return values_; }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  /// What `percent` of them did not exceed; 0 where there are none.
  [[nodiscard]] std::uint64_t percentile(unsigned percent) const;
  /// How many fell into each of `count` equal steps from `low` to `high`, both included.
  [[nodiscard]] std::vector<unsigned> counts(std::uint64_t low, std::uint64_t high,
                                             std::size_t count) const;

 private:
  std::vector<std::uint64_t> values_;
};

/// A line of bars, the highest being the largest count.
[[nodiscard]] std::string bars(const std::vector<unsigned>& counts);

}  // namespace pml::ctl
