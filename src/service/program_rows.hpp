#pragma once

#include <string>
#include <vector>

#include "service/program.hpp"

namespace pml::service {

/// Where the file or module lies, links followed, however it was named: of a script its path, of a
/// module the folder that it is called in where that holds it, else empty. Reads folders: for
/// people's questions, not for launches.
[[nodiscard]] std::string origin_of(const ProgramKey& key);

/// A program as people count them: all the ways in which it is started. What runs ahead is a way's
/// own, because a program sees how it was named. Never empty; the one that serves best comes first.
using ProgramRow = std::vector<const Program*>;

/// All of a declaration are one row; of the others those of one name that lie in one place.
/// Declared ones come first, then those that run ahead, then what was started last.
[[nodiscard]] std::vector<ProgramRow> rows_of(std::vector<const Program*> programs);

/// Whether a person means it: by its name or, from the root, by a path to its script.
[[nodiscard]] bool is_called(const Program& program, const std::string& word);

}  // namespace pml::service
