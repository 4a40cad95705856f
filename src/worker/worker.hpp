#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "worker/fitness.hpp"

namespace pml::worker {

/// The options that this interpreter itself was started with. The GIL is held.
[[nodiscard]] RunOptions own_options();

/// Does what rehearse does, but in the zygote: what the interpreter remembers of it, the names that
/// it has looked up above all, workers share then instead of writing it once more each. The GIL is
/// held.
void rehearse_in_zygote();

/// Does once, in an idle worker, what a job would do first, so that the pages it writes are already
/// this process's own; leaves out what is left of that as soon as a job lies at `link`, which a job
/// cannot tell but by the clock. `after_fork` are modules to import here. The GIL is held. Returns
/// whether nothing was left out.
bool rehearse(const std::vector<std::string>& after_fork, base::BorrowedFd link);

/// Waits on `link` for one job, becomes it, runs it and leaves the process with it. Never returns,
/// never throws into its caller; where the link closes first, it leaves quietly.
[[noreturn]] void serve_one(base::UniqueFd link);

}  // namespace pml::worker
