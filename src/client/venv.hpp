#pragma once

#include <string>

namespace pml::client {

/// The virtual environment that is active, or that `pml --venv` means.
struct Venv {
  std::string folder;   ///< absolute, without links
  std::string python;   ///< its interpreter
  std::string profile;  ///< the profile of the pool that it may have
  std::string error;    ///< why there is none, in one line; then the rest is empty
};

/// $VIRTUAL_ENV, where it is a virtual environment with a python3 that can be executed.
[[nodiscard]] Venv active_venv();

/// $VIRTUAL_ENV, or else the nearest .venv in the current folder or above it.
[[nodiscard]] Venv find_venv();

}  // namespace pml::client
