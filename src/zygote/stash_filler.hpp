#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>

#include "zygote/changes/list_watch.hpp"
#include "zygote/imports/import_log.hpp"
#include "zygote/imports/quirks.hpp"
#include "zygote/imports/source_files.hpp"

namespace pml::zygote {

/// What was written down of the preloads.
struct Recording {
  const ImportLog& log;
  const ListWatch& lists;
  const Quirks& quirks;
  pybind11::object show_logger;  ///< called with the name of each logger a module made, or null
};

/// Adds all modules of the recording to the process's stash, and their files to `sources`. Returns
/// how many modules there are. Throws pybind11::error_already_set.
std::size_t fill_stash(const Recording& recording, SourceFiles& sources);

}  // namespace pml::zygote
