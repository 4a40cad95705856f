#pragma once

#include <span>

namespace pml::client {

/// Takes all but the first of main's words out of what others see as this process's command line:
/// from here on the job shows them, and whoever looks for the program by its words finds one
/// process, as with python3. Nobody may read them after this.
void hide_words(std::span<const char* const> words) noexcept;

}  // namespace pml::client
