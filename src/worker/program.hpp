#pragma once

#include <optional>
#include <string>

#include "wire/request.hpp"

namespace pml::worker {

/// Called when a program has ended, before anything is said of it; null: nothing is.
extern void (*g_at_outcome)();  // NOLINT: of the process

/// How a program ended, before the interpreter's own end.
struct Outcome {
  int status = 0;            ///< exit status so far
  bool interrupted = false;  ///< an unhandled KeyboardInterrupt: the process must die by SIGINT
};

/// What python3 would put in front of sys.path for this program, in the current folder; nothing
/// where it would not. (A program that is a folder or an archive goes in front itself.)
[[nodiscard]] std::optional<std::string> program_folder(const wire::Request& request);

/// Runs the request's program as __main__, step for step as python3's own main does, on a frame
/// stack that starts here, and prints what it left unhandled.
[[nodiscard]] Outcome run_program(const wire::Request& request);

}  // namespace pml::worker
