#pragma once

#include <string_view>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// Imports the modules in a process for that alone, and tells `worker::early_imports` what they
/// asked. To be called while a recorder that writes into `log` is at work. Takes as long as the
/// imports; what lasts longer than `k_early_seconds` counts as not known.
void learn_early_questions(const std::vector<std::string_view>& names, const ImportLog& log);

inline constexpr unsigned k_early_seconds = 10;

}  // namespace pml::zygote
