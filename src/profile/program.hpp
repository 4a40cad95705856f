#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pml::profile {

/// How a declared program is named.
enum class TargetKind {
  entry_point,  ///< [DIST[==VERSION]:[GROUP:]]NAME, the argument of pml -e, or a command of that
                ///< name
  script,       ///< an absolute path
  module,       ///< a dotted name, as of python3 -m
};

/// A program that is declared to run ahead: a table [program.NAME].
struct Program {
  std::string name;
  TargetKind kind = TargetKind::entry_point;
  std::string target;    ///< never empty in a profile that load() found good
  unsigned workers = 1;  ///< that wait, 1 to 100
};

/// Which programs run ahead without being declared.
enum class Learnt {
  installed,  ///< those that a package manager or pip has installed
  all,        ///< a person's own scripts, too
  none,
};

/// The table [learn].
struct Learning {
  Learnt programs = Learnt::installed;
  std::uint64_t memory = std::uint64_t{512} << 20;  ///< bytes, of all learned programs together
  unsigned most = 16;                               ///< programs
  bool environments = true;                         ///< pools for virtual environments
};

/// The key of a value "script", "module", "entry-point".
[[nodiscard]] std::string_view name_of(TargetKind kind) noexcept;
/// "installed", "all", "none".
[[nodiscard]] std::string_view name_of(Learnt learnt) noexcept;

/// The dotted key of a program's table: "program.black", "program.\"report.py\"".
[[nodiscard]] std::string program_key(std::string_view name);

}  // namespace pml::profile
