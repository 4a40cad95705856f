#pragma once

#include "wire/channel.hpp"

namespace pml::zygote::ahead {

/// Makes the worker its caller's: context, descriptors, environment, words, streams; takes the
/// spies away and tells the client that its program runs. Where only this process can see that what
/// ran ahead is not for this caller, the client is told to ask again, and the process leaves.
void take_over(wire::Job& job);

/// Gives the program the words that it asked for, without a caller: wire::encode_arguments(). False
/// where those are none.
[[nodiscard]] bool take_arguments(const std::string& encoded);

}  // namespace pml::zygote::ahead
