#pragma once

#include <string>
#include <string_view>

namespace pml::profile {

/// What expand() made: `error` says why it could not, in words that follow a colon.
struct Expanded {
  std::string text;
  std::string error;
};

/// Expands a path of a profile: a leading "~" or "~/" is $HOME, $NAME and ${NAME} are variables of
/// this process, "$$" is one dollar sign. A variable that is not set is an error, not nothing; so
/// are other users' homes, which take a database that the static helper cannot ask.
[[nodiscard]] Expanded expand(std::string_view text);

}  // namespace pml::profile
