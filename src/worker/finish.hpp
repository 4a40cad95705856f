#pragma once

#include <string>

#include "worker/program.hpp"

namespace pml::worker {

/// Where the end of a job is told early, before the kernel has taken its memory apart.
struct EndReport {
  std::string name;  ///< abstract datagram address; empty: nobody asked
  int pid = 0;       ///< of the worker: a process it forked has nothing to tell
};

/// Ends the program as python3 would: waits for its threads, runs its exit calls, finalizes what
/// the job created, flushes, closes every descriptor, reports and leaves the process. What was
/// preloaded is not taken apart. Never returns.
[[noreturn]] void finish(const Outcome& outcome, const EndReport& report);

/// To be called early in a process that may end by finish_whole.
void prepare_finish();

/// The same with the interpreter's own end, which takes everything apart.
[[noreturn]] void finish_whole(const Outcome& outcome, const EndReport& report);

}  // namespace pml::worker
