#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "ctl/command.hpp"

namespace pml::ctl {

/// Calls `act` for each of the names. One that fails is told of and does not keep the others from
/// it. Returns the exit status: that of the last one that failed.
template <typename Act>
int for_each(const std::vector<std::string>& names, Act act) {
  int status = 0;
  for (const std::string& name : names) {
    try {
      act(name);
    } catch (const Failure& failure) {
      std::fprintf(stderr, "pmlctl: %s\n", failure.what());
      status = failure.status();
    }
  }
  return status;
}

}  // namespace pml::ctl
