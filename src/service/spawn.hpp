#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "service/environment.hpp"

namespace pml::service {

/// A program to be started as a zygote.
struct ZygoteCommand {
  std::string interpreter;                  ///< absolute
  std::vector<std::string> module_folders;  ///< strongest first
  Variables environment;
  rlimit descriptor_limit{};     ///< RLIMIT_NOFILE as the service was given it
  base::BorrowedFd recording{};  ///< to be its descriptor k_recording_number; invalid: none
};

inline constexpr int k_recording_number = 5;

/// A child process and the service's end of its SEQPACKET pair (non-blocking, close-on-exec).
struct Spawned {
  pid_t pid = -1;
  base::UniqueFd link;
};

/// Starts the interpreter with its end of the pair as descriptor 3, /dev/null as 0 and `output` as
/// 1 and 2; nothing else is open in it, signals are as at login. Throws std::system_error, also
/// with what execve(2) said.
[[nodiscard]] Spawned spawn_zygote(const ZygoteCommand& command, base::BorrowedFd output);

}  // namespace pml::service
