#pragma once

#include <string>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// A module that asks for what programs differ in as a rule, or that was found to be another thing
/// than a fresh import.
struct Unshareable {
  std::string module;
  std::string reason;  ///< a sentence
};

/// All such modules; those that need one of them, and themselves; and what these import that is
/// none of them.
struct Division {
  std::vector<Unshareable> unshareable;
  std::vector<std::string> excluded;
  std::vector<std::string> pieces;
};

/// Divides what was imported. To be called when the process's stash is filled.
[[nodiscard]] Division divide(const ImportLog& log);

}  // namespace pml::zygote
