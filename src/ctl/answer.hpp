#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pml::ctl {

/// A job that has ended, as a service tells of it.
struct PastJob {
  std::string name;
  std::string end;  ///< "exited:0", "killed:9"
  std::uint64_t duration_usec = 0;
  std::string command;
};

/// A program that runs ahead, as a service's status tells of it.
struct AheadProgram {
  std::string name, state;
  std::uint64_t launches = 0, warm = 0, saves_usec = 0, memory = 0;
};

/// A service's answer to "status" (pml-protocol(7)).
struct ServiceStatus {
  std::map<std::string, std::string> values;                     ///< what stands there once
  std::vector<std::pair<std::string, std::uint64_t>> preloads;   ///< name, microseconds
  std::vector<std::pair<std::string, std::string>> failed;       ///< name, why
  std::vector<std::pair<std::string, std::string>> quarantined;  ///< name, why
  std::vector<std::pair<std::string, std::string>> not_shared;   ///< name, why
  std::map<std::string, std::uint64_t> refused;                  ///< by reason
  std::vector<AheadProgram> programs;
  std::vector<PastJob> last_jobs;  ///< oldest first

  /// The value of `key`, empty where it was not told.
  [[nodiscard]] std::string value(const std::string& key) const;
  [[nodiscard]] std::uint64_t number(const std::string& key) const;
};

/// Reads an answer. Lines of unknown keys become values; broken ones are left out.
[[nodiscard]] ServiceStatus parse_status(std::string_view answer);

/// A job that runs.
struct RunningJob {
  std::string name;
  std::string state;
  std::uint64_t seconds = 0;
  std::string command;
};

/// Reads the answer to "jobs".
[[nodiscard]] std::vector<RunningJob> parse_jobs(std::string_view answer);

}  // namespace pml::ctl
