#pragma once

#include "worker/fitness.hpp"

namespace pml::worker {

/// Makes, in an idle worker, the streams that most jobs will want: for pipes and /dev/null, as
/// these options ask. Leaves the process's descriptors as they were.
void prepare_streams(const RunOptions& options);

/// Makes sys.stdin, stdout, stderr and their __…__ twins anew for the descriptors 0, 1 and 2, each
/// as a fresh interpreter would, None where the descriptor is closed. False with an exception set.
[[nodiscard]] bool open_streams(const RunOptions& options);

/// Flushes sys.stdout and sys.stderr as the interpreter does at its end; false where that failed.
[[nodiscard]] bool flush_streams();

/// The same, saying nothing of a failure.
void flush_streams_silently();

}  // namespace pml::worker
