#pragma once

#include <string>

namespace pml::client {

/// Notes that a program of the virtual environment `folder` runs cold because the environment has
/// no pool. At the third within a day the service of the default profile is asked for one; it is
/// waited for nothing. Notes are empty files beside the pools' sockets, so a limit on the size of
/// files is never met. Fails silently.
void note_cold_launch(const std::string& folder, const std::string& profile) noexcept;

}  // namespace pml::client
