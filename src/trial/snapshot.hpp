#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pml::trial {

/// What an interpreter is after an import: rows of k_snapshot_code.
using Snapshot = std::map<std::string, std::string>;

/// Reads what the program printed; empty where it printed nothing of the kind.
[[nodiscard]] Snapshot snapshot_of(std::string_view text);

/// Where a warm interpreter differs from cold ones, of which there is one at least; a sentence
/// each: "sys.path is another", "sys.modules numpy is there under pml only". What differs between
/// two cold ones does not count.
[[nodiscard]] std::vector<std::string> differences(const Snapshot& warm,
                                                   const std::vector<Snapshot>& colds);

}  // namespace pml::trial
