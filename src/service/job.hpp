#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "event/source.hpp"
#include "service/client.hpp"
#include "service/job_log.hpp"

namespace pml::service {

struct Job;

/// A forked, idle interpreter, or one that has taken its job and not said what becomes of it.
struct Worker {
  pid_t pid = 0;
  std::uint32_t generation = 0;
  base::UniqueFd link;
  event::Io watch;
  Job* job = nullptr;      ///< what it was handed
  std::uint64_t came = 0;  ///< monotonic microseconds
  bool rehearsed = false;
  std::uint64_t program = 0;     ///< it ran this program ahead; 0: it is anybody's
  std::uint64_t saves_usec = 0;  ///< what it ran ahead
};

/// How far a job has come.
enum class JobState {
  handed,    ///< the worker has it and has not answered
  running,   ///< accepted: the program has begun
  declined,  ///< the worker refused it and ends
  lost,      ///< the worker vanished without a verdict; the client was told to retry
};

/// One request in a worker's hands, until its process has ended.
struct Job {
  JobName name;
  JobState state = JobState::handed;
  std::unique_ptr<Worker> worker;
  Client client;
  base::UniqueFd inner;  ///< far end of what a text job's worker was given as its connection
  event::Io client_watch;
  event::Timer overdue;  ///< of a shepherd that must have ended its job after the client had gone
  Label label;
  std::uint32_t flags = 0;
  std::uint64_t began = 0;  ///< monotonic microseconds of the hand-over
  bool in_place = false;    ///< it runs in the client's own process; `worker` has its number only
  base::UniqueFd process;   ///< likewise: what its end is heard by
  event::Io process_watch;  ///< likewise
  std::optional<int> told;  ///< likewise: the exit status, as it told itself
  bool scoped = false;      ///< it has a control group of its own, and outlives the service
  bool orphan = false;      ///< its zygote is gone: this process reaps it
  bool stopped = false;     ///< the client was told so
  bool held = false;        ///< it is stopped because its client was, who need not be told
  bool end_seen = false;    ///< its client went because the job had ended
  bool barred = false;      ///< its worker cannot say any more that the program begins
  std::vector<wire::ClientSignal> waiting_signals;  ///< come before the verdict
  std::vector<wire::ClientSignal> unheard_signals;  ///< come when its parent is leaving
  std::array<char, sizeof(wire::ClientSignal)> partial{};
  std::size_t partial_size = 0;

  /// Whether its process is the job's parent, which tends a terminal for it.
  [[nodiscard]] bool has_shepherd() const noexcept { return (flags & wire::k_flag_shepherd) != 0; }
  [[nodiscard]] bool detached() const noexcept {
    return client.text || (flags & wire::k_flag_detach) != 0;
  }
};

}  // namespace pml::service
