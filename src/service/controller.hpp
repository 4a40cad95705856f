#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::service {

/// Starts pmlctl with `words`, at idle priority, in a group of its own that is named after it. It
/// reads nothing, writes to `output` and complains to `complaints` (invalid: to nobody), and ends
/// with this process. Throws std::system_error.
[[nodiscard]] pid_t start_controller(std::vector<std::string> words, base::BorrowedFd output,
                                     base::BorrowedFd complaints = {});

}  // namespace pml::service
