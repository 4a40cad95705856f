#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::worker {

/// Gives the process exactly the caller's descriptor table: `descriptors[i]` at `numbers[i]`, and
/// nothing else but `keep`, which are moved out of the way, and the numbers `fixed`, which are left
/// alone. Negative numbers are left to their owner. Takes the placed descriptors over. Returns 0 or
/// errno, EEXIST where a fixed number is wanted; after a failure the table is undefined, but `keep`
/// are whole.
[[nodiscard]] int place_all(std::span<base::UniqueFd> descriptors,
                            std::span<const std::int32_t> numbers,
                            std::span<base::UniqueFd* const> keep, std::span<const int> fixed);

/// The numbers that are open in this process, in no order.
[[nodiscard]] std::vector<int> open_descriptors();

}  // namespace pml::worker
