#pragma once

#include <cstdint>

namespace pml::base {

/// The number of this process's session keyring where somebody has put it to use: it has a name of
/// its own, or holds other keys than a login or a service manager puts there (the user's keyring,
/// systemd's invocation id). 0 where it is as good as any other such one, or there is none.
[[nodiscard]] std::int32_t used_session_keyring() noexcept;

}  // namespace pml::base
