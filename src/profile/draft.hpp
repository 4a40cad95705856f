#pragma once

#include <string>
#include <vector>

#include "profile/profile.hpp"
#include "profile/text.hpp"

namespace pml::profile {

/// Where a key was set last.
struct Setting {
  std::string key;
  std::string file;
  Position at;
};

/// A profile being put together from its files, weakest file first.
struct Draft {
  Profile profile;
  std::vector<Setting> settings;
  std::vector<Problem> problems;
};

/// Merges one file over `draft`: plain values override, lists grow by what they do not have yet,
/// an empty list, an empty text in a list or an empty [python.env] forgets what came before it.
/// Adds a problem for everything that a profile may not hold. Returns whether the text is TOML, so
/// that what is right of it was merged.
bool merge_text(const std::string& file, std::string_view text, Draft& draft);

/// After the last file: checks what several keys say together, gives unset keys the defaults that
/// depend on others, settles modules named in several lists, and fills in the provenance.
void finish(Draft& draft);

}  // namespace pml::profile
