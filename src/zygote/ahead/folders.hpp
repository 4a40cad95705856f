#pragma once

#include <sys/types.h>

#include <string>

namespace pml::zygote::ahead {

/// A program asks for a folder to be made while it runs ahead. Where there is one, it is told so:
/// that leaves nothing. Else a worker makes it when it has its caller, and the program is told that
/// it is there; whatever looks at it before stops. What config/ahead allows is done. False where
/// the question is one as any other.
[[nodiscard]] bool hear_new_folder(const std::string& asked, mode_t mode);

/// Whether the path leads to a folder that is to be made, or is one that would list it.
[[nodiscard]] bool concerns_new_folder(const std::string& asked);

/// Makes them, in order. False where one cannot be made: then none is.
[[nodiscard]] bool make_new_folders();
/// Takes them away again.
void remove_new_folders() noexcept;

}  // namespace pml::zygote::ahead
