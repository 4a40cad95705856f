#pragma once

#include <string>

namespace pml::ctl {

/// Where the parts of a wrapped command are. Throws Failure for a name that cannot be wrapped.
struct Wrapped {
  explicit Wrapped(const std::string& command);

  std::string name;
  std::string profile;  ///< wrap-NAME
  std::string profile_file;
  std::string launcher;  ///< ~/.local/bin/NAME
  std::string kept;      ///< the original, where it stood in the launcher's place
};

/// Takes back each that is wrapped.
void unwrap_all();

}  // namespace pml::ctl
