#pragma once

#include "worker/fitness.hpp"

namespace pml::worker {

/// Takes down, in the zygote, the streams that the interpreter started with.
void remember_streams();

/// Makes, in an idle worker, the streams that most jobs will want: for pipes and /dev/null, as
/// these options ask. Leaves the process's descriptors as they were.
void prepare_streams(const RunOptions& options);

/// Makes sys.stdin, stdout, stderr and their __…__ twins anew for the descriptors 0, 1 and 2, each
/// as a fresh interpreter would, None where the descriptor is closed. They are the same objects,
/// and have the same buffers and files, as those that the interpreter started with: a preload may
/// have kept them. False with an exception set.
[[nodiscard]] bool open_streams(const RunOptions& options);

/// For a program that runs already: what it knows as the standard streams is the same, but for
/// the descriptors as they are now. Names of sys stay what the program made them. False with an
/// exception set.
[[nodiscard]] bool renew_streams();

/// Holds on to none of them any more, so that the interpreter's own end is theirs, too.
void forget_streams() noexcept;

/// Flushes sys.stdout and sys.stderr as the interpreter does at its end; false where that failed.
[[nodiscard]] bool flush_streams();

/// In an idle worker: does to the streams made ahead what the end of a job does.
void rehearse_streams();

/// The same, saying nothing of a failure.
void flush_streams_silently();

}  // namespace pml::worker
