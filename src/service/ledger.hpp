#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "service/job.hpp"
#include "service/job_log.hpp"
#include "service/launch_record.hpp"

namespace pml::service {

/// What became of requests: counted, kept for those who ask, and told to the journal once the
/// machine is quiet. Of the service's own clients nobody is told.
class Ledger {
 public:
  void refused(const Client& client, wire::Refusal reason, std::string_view detail,
               const std::string& command);
  /// `usec`: from the request to the worker's word that it begins.
  void started(const Job& job, std::uint64_t usec);
  void ended(const Job& job, const End& end);
  /// Writes to the journal what was kept.
  void flush() { log_.flush(); }

  [[nodiscard]] std::uint64_t served() const noexcept { return served_; }
  [[nodiscard]] const LaunchRecord& record() const noexcept { return record_; }
  [[nodiscard]] const std::map<wire::Refusal, std::uint64_t>& refusals() const noexcept {
    return refusals_;
  }

 private:
  JobLog log_;
  LaunchRecord record_;
  std::map<wire::Refusal, std::uint64_t> refusals_;
  std::uint64_t served_ = 0;
};

}  // namespace pml::service
