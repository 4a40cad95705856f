#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pml::service {

/// The command line of pmld.
struct Options {
  enum class Action { serve, help, version };
  Action action = Action::serve;
  std::string profile;  ///< empty: standalone, with `socket` and `modules`
  std::string socket;
  std::vector<std::string> modules;
  bool daemonize = false;
  std::string pid_file;
  std::optional<unsigned> workers;
  std::optional<unsigned> spare;
};

struct ParsedOptions {
  Options options;
  std::string error;  ///< what is wrong, in one sentence; empty where nothing is
};

/// Reads the words after the program's name. Changes nothing outside.
[[nodiscard]] ParsedOptions parse_options(const std::vector<std::string>& words);

/// The text of --help.
[[nodiscard]] const char* help_text() noexcept;

}  // namespace pml::service
