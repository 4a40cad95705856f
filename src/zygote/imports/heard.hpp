#pragma once

#include <string_view>
#include <vector>

#include "zygote/imports/import_log.hpp"
#include "zygote/imports/quirks.hpp"

namespace pml::zygote {

/// Tells the recorder of a trial, where this process has one, which module is being imported from
/// now on; empty: none.
void tell_recorder(const char* module);

/// Writes into the import log what compiled code asked in the trial of the preloads; `lines` as
/// trial::line_of gives them; and "differs MODULE - HOW" of what a verification found. What a quirk
/// renews is tried here once, in this process. To be called when all is imported and nothing is
/// hidden yet. The GIL is held.
void note_heard(const std::vector<std::string_view>& lines, const Quirks& quirks, ImportLog& log);

}  // namespace pml::zygote
