#pragma once

#include <string>

#include "zygote/ahead/answers.hpp"

namespace pml::zygote::ahead {

/// The program asks what time it is, or what time it has used. Before its arguments the answer is
/// the worker's; past them it waits for its caller, but for what the body of a module takes down,
/// which is as old as the module, and for functions that are given a moment. `what`: for people.
void hear_clock(const Called& called, const Call& call, const std::string& what);

}  // namespace pml::zygote::ahead
