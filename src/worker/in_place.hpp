#pragma once

#include "base/unique_fd.hpp"

namespace pml::worker {

/// In a forked worker that has rehearsed: writes its image, sends that or the reason why there is
/// none over `link`, and ends. In each process that is restored from the image: becomes the job
/// that the client was asked for, or executes python3. The GIL is held. Never returns.
[[noreturn]] void be_imaged(base::UniqueFd link);

}  // namespace pml::worker
