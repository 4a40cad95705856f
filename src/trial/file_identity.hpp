#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace pml::trial {

/// Device, inode, size and the times of the last change of contents and of state in ns. All zero:
/// there is nothing. Of a pattern as glob(3) takes it: how many names match, and a sum over them.
using FileIdentity = std::array<std::uint64_t, 5>;

[[nodiscard]] FileIdentity identity_of(const std::string& path);

/// Files and patterns as they were.
using Identities = std::map<std::string, FileIdentity>;

/// Whether all are now as they were.
[[nodiscard]] bool unchanged(const Identities& identities);

}  // namespace pml::trial
