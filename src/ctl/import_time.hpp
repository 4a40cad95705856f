#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pml::ctl {

/// A module that was imported, and what it imported in turn.
struct Import {
  std::string name;
  std::uint64_t self_usec = 0;
  std::uint64_t cumulative_usec = 0;
  std::vector<Import> inner;
};

/// What python3 -X importtime wrote: the imports, and what else was written.
struct ImportReport {
  std::vector<Import> imports;  ///< of the outermost level, in order
  std::string rest;             ///< the lines that are none of its own
};

[[nodiscard]] ImportReport parse_import_time(std::string_view text);

/// The modules worth preloading: the outermost of those that `preloadable` has (by their first
/// part), most expensive first. Where one is not, those that it imports.
[[nodiscard]] std::vector<Import> worth_preloading(const std::vector<Import>& imports,
                                                   const std::set<std::string>& preloadable,
                                                   std::uint64_t least_usec);

/// "a" of "a.b.c".
[[nodiscard]] std::string first_part(const std::string& name);

/// All names in the trees.
void collect_names(const std::vector<Import>& imports, std::set<std::string>& names);

/// All first parts in the trees.
void collect_first_parts(const std::vector<Import>& imports, std::set<std::string>& names);

}  // namespace pml::ctl
