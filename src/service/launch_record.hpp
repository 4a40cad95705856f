#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>

#include "service/job_log.hpp"
#include "wire/reply.hpp"

namespace pml::service {

/// What was launched lately, for those who ask: latencies and the last jobs.
class LaunchRecord {
 public:
  /// A job was accepted by its worker `usec` after its request had come.
  void launched(std::uint64_t usec) noexcept;
  void ended(const JobName& job, const std::string& command, int wait_status,
             std::uint64_t duration_usec);

  void refused(wire::Refusal reason, std::string_view detail, const std::string& command);

  /// The latency that `percent` of the recent launches did not exceed, in microseconds; 0 where
  /// there were none.
  [[nodiscard]] std::uint64_t percentile(unsigned percent) const;

  struct Ended {
    std::string job;
    std::string command;
    int wait_status = 0;
    std::uint64_t duration_usec = 0;
  };
  /// The client that was turned away last; `when` 0: none was.
  struct Refused {
    std::time_t when = 0;
    wire::Refusal reason{};
    std::string detail;
    std::string command;
  };
  [[nodiscard]] const Refused& last_refused() const noexcept { return last_refused_; }

  /// Oldest first.
  [[nodiscard]] const std::deque<Ended>& last() const noexcept { return last_; }

 private:
  static constexpr std::size_t k_latencies = 512;
  static constexpr std::size_t k_last = 10;
  std::array<std::uint32_t, k_latencies> latencies_{};
  std::size_t count_ = 0;
  std::deque<Ended> last_;
  Refused last_refused_;
};

}  // namespace pml::service
