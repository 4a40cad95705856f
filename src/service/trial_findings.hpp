#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ahead/facts.hpp"
#include "trial/result.hpp"

namespace pml::service {

/// What the trial of a program has found out of its compiled code, which no spy of Python's hears.
/// It holds for the caller that it was made for, as long as `files` are what they are.
struct TrialFindings {
  std::vector<std::string> tried;  ///< what may run ahead: ahead::Plan::tried
  std::string arguments;           ///< the trial went on with them: ahead::Plan::arguments
  std::vector<ahead::Fact> facts;  ///< what was asked; some of it Python's spies hear as well
  std::vector<ahead::FileFact> files;
  std::vector<std::string> worker_stops;    ///< modules: what their import does must not be done
  std::vector<std::string> template_stops;  ///< modules whose import draws or starts what each
                                            ///< process has for itself
};

/// What a trial says. Either `findings`, or a module before whose import a worker has to stop, and
/// of which another trial is to be made; or neither, and `why`.
struct TrialVerdict {
  std::optional<TrialFindings> findings;
  std::string stop_before;
  bool again = false;  ///< another may do better
  std::string why;
};

/// Pure but for a look at the files: one that has changed since `began` (of the real-time clock, in
/// ns) makes the trial worthless. `arguments`: what it went on with, encoded; then whoever takes
/// the time has to wait for a caller.
[[nodiscard]] TrialVerdict judge_trial(const trial::Result& result, std::int64_t began,
                                       const std::string& arguments = {});

}  // namespace pml::service
