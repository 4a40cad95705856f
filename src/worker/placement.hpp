#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::worker {

/// Gives the process exactly the caller's descriptor table: `descriptors[i]` at `numbers[i]`, and
/// nothing else but `keep`, which are moved out of the way. Negative numbers are left to their
/// owner. Takes the placed descriptors over. Returns 0 or errno; after a failure the table is
/// undefined, but `keep` are whole.
[[nodiscard]] int place_all(std::span<base::UniqueFd> descriptors,
                            std::span<const std::int32_t> numbers,
                            std::span<base::UniqueFd* const> keep);

}  // namespace pml::worker
