#pragma once

#include <string>

#include "wire/zygote_message.hpp"

namespace pml::service {

/// Why `interpreter` cannot be a zygote, and what to do about it, in one line. `event` is its
/// EventKind::unfit. Pure.
[[nodiscard]] std::string unfit_sentence(const std::string& interpreter, const wire::Event& event);

}  // namespace pml::service
