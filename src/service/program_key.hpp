#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profile/program.hpp"
#include "wire/request.hpp"

namespace pml::service {

/// What tells one program from another: how it was named, the interpreter's options, and the folder
/// where the name means something only there. The profile is the service's.
struct ProgramKey {
  profile::TargetKind kind = profile::TargetKind::script;
  std::string target;
  std::vector<std::string> options;
  std::string folder;  ///< of a relative script and of a module, which is looked for there first

  bool operator==(const ProgramKey&) const = default;
};

/// Nothing but what costs nothing: empty where the request names no program (-c, standard input) or
/// is not worth keeping in mind; else the key in one text.
[[nodiscard]] std::string key_text(const wire::Request& request);
[[nodiscard]] std::string key_text(const ProgramKey& key);

/// The parts of key_text(). Only of a request that has one.
[[nodiscard]] ProgramKey key_of(const wire::Request& request);

/// What people call it: the command or module.
[[nodiscard]] std::string name_of(const ProgramKey& key);

/// Whether the declaration means this program. An entry point is also the script of its name in a
/// folder for commands.
[[nodiscard]] bool is_meant(const profile::Program& declared, const ProgramKey& key);

/// Whether `module`, or the package that it is in, lies in `folder`. Reads the folder.
[[nodiscard]] bool folder_holds_module(const std::string& folder, std::string_view module);

/// The path of a script; empty for what is none.
[[nodiscard]] std::string path_of(const ProgramKey& key);

}  // namespace pml::service
