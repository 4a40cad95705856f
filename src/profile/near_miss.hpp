#pragma once

#include <string_view>
#include <vector>

namespace pml::profile {

/// How many letters must be changed, added, left out or swapped with their neighbour to make `b`
/// of `a`, capitals counting as small letters.
[[nodiscard]] unsigned edit_distance(std::string_view a, std::string_view b);

/// The one of `candidates` that was probably meant by `word`: nearly the same letters, or one
/// being the beginning of the other. Empty where there is none.
[[nodiscard]] std::string_view near_miss(std::string_view word,
                                         const std::vector<std::string_view>& candidates);

}  // namespace pml::profile
