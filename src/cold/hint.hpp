#pragma once

#include <string>

namespace pml::cold {

/// Why a program runs cold, as the client says it.
struct Because {
  std::string reason;    ///< its short name
  std::string sentence;  ///< for people
  std::string detail;    ///< a variable's name, a path; may be empty
};

/// Tells a person on standard error, in one line, why the program runs cold and what to type, where
/// something can be done about it; notes first that it was done, so that of several at once one
/// tells it, and none where that cannot be noted. `profile` is that of the pool; `venv`: it is that
/// of the active virtual environment and has no pool yet.
void give_hint(const Because& because, const std::string& profile, bool venv_without_pool);

}  // namespace pml::cold
