#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pml::service {

using Variables = std::vector<std::string>;  ///< NAME=VALUE

/// As execve(2) takes them; null at the end. They point into `texts`.
[[nodiscard]] std::vector<char*> pointers(std::vector<std::string>& texts);

/// `environment` without what belongs to the service alone: activation, notification, watchdog,
/// journal and memory-pressure variables, and pml's own.
[[nodiscard]] Variables without_service_variables(const char* const* environment);

/// What a zygote starts with: without_service_variables(), without PYTHON*, with the profile's
/// `additions`, and in a UTF-8 locale.
[[nodiscard]] Variables zygote_environment(
    const char* const* environment,
    const std::vector<std::pair<std::string, std::string>>& additions);

/// Whether an interpreter can be given the callers' value of the variable instead of the service's
/// and be otherwise as it was.
[[nodiscard]] bool may_follow_callers(std::string_view name);

}  // namespace pml::service
