#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ahead/facts.hpp"
#include "service/changing_files.hpp"
#include "service/program_key.hpp"
#include "service/program_policy.hpp"
#include "service/program_pool.hpp"
#include "service/program_trial.hpp"
#include "service/remembered_caller.hpp"

namespace pml::service {

/// What is kept of a program, also over restarts: never its arguments, never an environment.
struct ProgramRecord {
  ProgramKey key;
  std::uint64_t launches = 0;
  std::uint64_t warm = 0;        ///< of them, by a worker that had run it ahead
  std::uint64_t saved_usec = 0;  ///< in all
  std::array<std::time_t, k_launches_to_learn> last{};  ///< launches, newest first; seconds

  ahead::Identity identity;                 ///< of its script when the rest was found out
  std::vector<std::string> template_stops;  ///< modules
  std::vector<std::string> worker_stops;
  std::string question, place;   ///< what it stops before, and where
  std::uint64_t saves_usec = 0;  ///< each launch; 0: not known
  std::uint64_t memory = 0;      ///< bytes; 0: not known
  std::string given_up;          ///< why it does not run ahead; empty: it may
  std::time_t given_up_at = 0;

  [[nodiscard]] unsigned launches_since(std::time_t when) const noexcept;
  void launched(std::time_t now) noexcept;
  /// Forgets all that was found out by running it ahead.
  void find_out_anew();
};

/// A program as the running service knows it.
struct Program {
  std::uint64_t id = 0;
  ProgramRecord record;
  std::string name;
  bool declared = false;
  unsigned workers = 1;

  std::shared_ptr<const RememberedCaller> caller;  ///< the last that what runs ahead did not serve
  std::unique_ptr<ProgramPool> pool;               ///< serves
  std::unique_ptr<ProgramPool> next;               ///< to take its place, for another caller
  std::unique_ptr<ProgramTrial> trial;             ///< runs
  std::shared_ptr<const TrialFindings> findings;   ///< of a trial for `tried_for`
  std::shared_ptr<const RememberedCaller> tried_for;
  std::string tried_arguments;                 ///< that trials go on with; empty: none
  unsigned trials = 0;                         ///< for that caller
  std::map<std::string, std::string> reasons;  ///< of worker_stops that its trials found
  std::string in_vain;                         ///< why its last trial was
  std::string missed;                          ///< what differed last
  ChangingFiles changing;
  std::uint64_t misses = 0;
  unsigned misses_in_a_row = 0;
  unsigned failures = 0;          ///< in a row
  unsigned reaims = 0;            ///< in a row, without a launch that met what ran ahead
  unsigned changes = 0;           ///< of files, in a row
  std::uint64_t ready_at = 0;     ///< monotonic microseconds, of the last time
  std::uint64_t measured = 0;     ///< the same, of its memory
  std::uint64_t rests_until = 0;  ///< monotonic microseconds
};

/// Callers in a row that what runs ahead does not serve, until it is made for such ones.
inline constexpr unsigned k_misses_to_reaim = 2;

/// Whether one is being made that comes further than what serves now.
[[nodiscard]] bool is_being_tried(const Program& program) noexcept;

/// "ready", "running-ahead", "waiting", "resting", "given-up" or "counted".
[[nodiscard]] const char* state_of(const Program& program, std::uint64_t now) noexcept;

}  // namespace pml::service
