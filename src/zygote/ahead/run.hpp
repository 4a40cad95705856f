#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/channel.hpp"

namespace pml::zygote::ahead {

/// What a process does whose first packet is the order to run ahead: runs the program of the plan,
/// which is the memfd among `descriptors`. The interpreter is as it started; `executable` is its
/// argv[0]. Never returns: not in the template, and in a worker only the job's end follows.
[[noreturn]] void run(std::vector<base::UniqueFd> descriptors, base::UniqueFd link,
                      const std::string& executable);

}  // namespace pml::zygote::ahead
