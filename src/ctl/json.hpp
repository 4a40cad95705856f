#pragma once

#include <nlohmann/json.hpp>

#include "ctl/answer.hpp"
#include "ctl/memory.hpp"

namespace pml::ctl {

using Json = nlohmann::ordered_json;

/// Writes one line; bytes that are no UTF-8 are replaced.
void print_json(const Json& json);

[[nodiscard]] Json json_of(const ServiceStatus& status);
[[nodiscard]] Json json_of(const PoolMemory& memory);
[[nodiscard]] Json json_of(const RunningJob& job);

}  // namespace pml::ctl
