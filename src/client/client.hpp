#pragma once

#include <span>

namespace pml::client {

/// The command pml. `words` are main's, argv[0] first. Ends this process as the program ended, or
/// has python3 take its place. Nothing is taken down and nothing flushed: both would cost time.
[[noreturn]] void run(std::span<const char* const> words);

}  // namespace pml::client
