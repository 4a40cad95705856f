#pragma once

#include <string>
#include <vector>

#include "ctl/vocabulary.hpp"

namespace pml::ctl {

/// What may come next on pmlctl's command line.
struct Expected {
  std::vector<std::pair<std::string, std::string>> words;  ///< each with a line about it
  Candidates candidates = Candidates::nothing;             ///< and what the table names
  std::string profile;                                     ///< of -p, where it was typed
  std::size_t position = 0;  ///< how many words of the verb's stand before
};

/// `typed` are the words behind "pmlctl", the last of them being typed. Pure.
[[nodiscard]] Expected expected_after(const std::vector<std::string>& typed);

/// `, did you mean "…"?` of what the completions would offer, or nothing. May ask services.
[[nodiscard]] std::string meant_of(Candidates candidates, const std::string& word);

}  // namespace pml::ctl
