#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::zygote::ahead {

/// Takes down, in the template, what the program has open; `link` is not the program's. Says what
/// is no file or folder that is only read: of that a worker cannot have one of its own.
[[nodiscard]] std::optional<std::string> note_open_files(int link);

/// In a worker: each of them under the same number, at the same place, but as its own. False where
/// one cannot be opened.
[[nodiscard]] bool reopen_files();

/// The same descriptor at a number that is out of the program's way.
[[nodiscard]] base::UniqueFd move_up(base::UniqueFd descriptor);

/// Whether the program has opened something that it still has; its numbers. `link` is pml's.
[[nodiscard]] std::vector<int> own_descriptors(int link);

}  // namespace pml::zygote::ahead
