#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profile/draft.hpp"

namespace pml::profile {

/// What a rule works with.
struct Scope {
  Draft& draft;
  const std::string& file;
  std::string key;  ///< dotted

  void problem(Position at, std::string message, std::string hint = "") const;
  void set(Position at) const;  ///< notes where the key was set
};

/// One key of a profile: how its value is checked and where it goes.
struct Rule {
  std::string_view section;  ///< "" for the keys in front of all tables
  std::string_view key;
  void (*apply)(const Scope&, const Node&);
};

/// All keys of a profile.
[[nodiscard]] const std::vector<Rule>& rules();

}  // namespace pml::profile
