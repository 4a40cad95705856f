#pragma once

#include <string>

namespace pml::base {

/// Text of a terminal that writes "\r\n" for another that makes "\r\n" of "\n" itself.
void take_out_returns(std::string& text);

}  // namespace pml::base
