#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/request.hpp"

namespace pml::client {

/// What the words on the command line ask for.
enum class Action {
  run,         ///< run a program warm, if the service can
  python,      ///< only python3 can do it: `reason` says why
  help,        ///< pml's own help
  version,     ///< pml's own version
  wrong_usage  ///< `reason` says what is wrong
};

/// The command line, taken apart. Every text points into the words that were parsed.
struct Arguments {
  Action action = Action::run;
  std::string reason;

  std::string_view profile = "default";
  bool profile_named = false;  ///< by an option or by $PML_PROFILE
  std::string_view socket;     ///< --socket; empty: the profile's
  bool fallback = true;        ///< false after --no-fallback
  bool wait = false;
  bool detach = false;
  bool venv = false;             ///< --venv: the profile is that of a virtual environment
  std::string_view venv_python;  ///< and this its interpreter; both known once it was found
  std::string_view venv_error;   ///< why there is none; empty: there is
  bool plain = false;            ///< PML=0: python3, and no profile is read

  wire::ProgramKind kind = wire::ProgramKind::standard_in;
  std::uint32_t target_form = 0;  ///< k_flag_target_attached, k_flag_target_clustered
  std::string_view target;
  std::vector<std::string_view> rest;  ///< the words after the target
  std::vector<std::string_view> interpreter_options;

  std::span<const char* const> words;  ///< all that main was given

  /// What python3 is given to do the same: the words without pml's own. Each ends in a NUL; for an
  /// entry point, the code that runs it is put in.
  std::vector<const char*> python_words;
};

/// Whether the client was called by a name such as "python3" or "/opt/bin/python3.11": then every
/// option is python's.
[[nodiscard]] bool called_as_python(std::string_view argv0) noexcept;

/// Takes the words after argv[0] apart as CPython 3.11 does, pml's own options among them.
/// `default_profile` counts where no option names one; empty: "default". `as_python`: no option is
/// pml's. Never fails: what is wrong is an action.
[[nodiscard]] Arguments parse_arguments(std::span<const char* const> words,
                                        const char* default_profile, bool as_python);

/// What `pml --help` prints.
[[nodiscard]] std::string_view help_text() noexcept;

}  // namespace pml::client
