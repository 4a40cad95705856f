#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profile/profile.hpp"

namespace pml::profile {

/// A file of a profile.
struct Found {
  enum class State {
    absent,      ///< no folder has it
    masked,      ///< empty, or a link to /dev/null: hides itself and the weaker ones
    unreadable,  ///< it is there and cannot be read; `text` is the reason
    readable,    ///< `text` is what it holds
  };
  State state = State::absent;
  std::string path;
  std::string text;
};

/// Reads <folder>/<file> of the first of `folders` that has it.
[[nodiscard]] Found find_file(const std::vector<std::string>& folders, const std::string& file);

/// Reads the drop-ins <folder>/<subfolder>/*.toml in the order of merging: by file name over all
/// folders; of one name only the strongest, and none where that is masked. A folder that cannot be
/// read is one of the unreadable.
[[nodiscard]] std::vector<Found> find_drop_ins(const std::vector<std::string>& folders,
                                               const std::string& subfolder);

/// The names X of all X.toml in `folders`, hidden files left out, sorted, each once.
[[nodiscard]] std::vector<std::string> find_names(const std::vector<std::string>& folders);

}  // namespace pml::profile
