#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pml::ctl {

/// Where a program's output goes.
enum class Output { inherit, discard, keep };

struct Outcome {
  int wait_status = 0;
  std::string standard_error;  ///< where it was kept
  std::string standard_output;
  std::uint64_t usec = 0;  ///< from the start to the end

  /// Whether it ended with status 0.
  [[nodiscard]] bool good() const noexcept { return wait_status == 0; }
};

/// Runs a program to its end, found in PATH where its name holds no slash. Throws
/// std::system_error where it cannot be started.
struct Program {
  std::vector<std::string> words;
  std::vector<std::string> more_environment;  ///< NAME=VALUE
  Output out = Output::inherit;
  Output err = Output::inherit;
  bool null_input = false;
};
[[nodiscard]] Outcome run(const Program& program);

/// The path of one of pml's own programs: beside this one, else where it was installed.
[[nodiscard]] std::string own_program(const std::string& name);

/// The path of a command in PATH; empty where it is not there. `except`: a folder to leave out.
[[nodiscard]] std::string find_command(const std::string& name, const std::string& except = {});

}  // namespace pml::ctl
