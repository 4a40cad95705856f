#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "service/client.hpp"
#include "service/hatchery.hpp"

namespace pml::service {

/// A job's name: "<pid>-<number>".
struct JobName {
  pid_t pid = 0;
  std::uint64_t number = 0;
  [[nodiscard]] std::string text() const;
};

/// Journal entries about jobs, kept until flush() so that writing them never delays a launch. A
/// job that has ended before the flush is told of once, by its end.
class JobLog {
 public:
  void started(const JobName& job, const Label& label, const Client& client);
  /// `duration_usec` from the worker's verdict to its end.
  void ended(const JobName& job, const Label& label, const Client& client, const End& end,
             std::uint64_t duration_usec);
  void refused(const Client& client, wire::Refusal reason, std::string detail,
               const std::string& command);

  /// Writes what was kept.
  void flush();
  [[nodiscard]] bool empty() const noexcept { return started_.empty() && entries_.empty(); }

 private:
  struct Start {
    JobName job;
    std::string command, cwd;
    pid_t client = 0;
  };
  struct Entry {
    JobName job;
    std::string command, cwd, detail;
    pid_t client = 0;
    End end;
    std::uint64_t duration_usec = 0;
    wire::Refusal refusal{};
    bool is_refusal = false;
  };
  static void write_start(const Start& start);
  static void write_end(const Entry& entry);
  static void write_refusal(const Entry& entry);

  std::map<std::uint64_t, Start> started_;
  std::vector<Entry> entries_;
};

}  // namespace pml::service
