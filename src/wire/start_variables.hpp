#pragma once

#include <string_view>

namespace pml::wire {

// Variables that act where nobody hears it. One list, for a worker of the shared pool, which was
// started with others than its caller's, and for the judgement of programs that run ahead.

/// Whether the dynamic loader, the C library or a tool reads the variable before main().
[[nodiscard]] bool acts_before_main(std::string_view name) noexcept;

/// Whether libraries that compute read it when they are loaded (thread counts, above all).
[[nodiscard]] bool acts_on_computing(std::string_view name) noexcept;

}  // namespace pml::wire
