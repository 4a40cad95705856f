#pragma once

#include <string_view>

#include "wire/request.hpp"

namespace pml::service {

/// The value of PML_PYTHON in this process; as good as unset where it is empty.
[[nodiscard]] std::string_view chosen_python();
/// The same in the environment of whoever makes the request.
[[nodiscard]] std::string_view chosen_python_of(const wire::Request& request);

}  // namespace pml::service
