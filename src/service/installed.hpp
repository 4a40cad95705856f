#pragma once

#include <string>

#include "service/program_key.hpp"

namespace pml::service {

/// Whether a package manager or pip has put the program where it is. Reads folders and files: not
/// for the way of a launch. The rule, in words for people, is in pml.toml(5):
///  - an entry point is;
///  - a script is whose file, links followed, belongs to root and lies below /usr or /opt, but not
///    below /usr/local; or that the RECORD of a distribution beside its bin folder names;
///  - a module is that lies below the interpreter's standard library or one of its site-packages or
///    dist-packages folders, and not in the folder it is called in.
[[nodiscard]] bool is_installed(const ProgramKey& key, const std::string& interpreter);

}  // namespace pml::service
