#pragma once

#include <string>
#include <vector>

namespace pml::worker {

/// Finds where the interpreter keeps the words that it was started with, for Py_GetArgcArgv: no
/// function changes them. Call it in the zygote; where they are not found they stay as they are.
void find_argument_words() noexcept;

/// Makes them `words`, in the locale's encoding.
void set_argument_words(const std::vector<std::string>& words) noexcept;

}  // namespace pml::worker
