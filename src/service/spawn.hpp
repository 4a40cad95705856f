#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "service/environment.hpp"
#include "wire/request.hpp"

namespace pml::service {

/// What else a process is started with that runs a program ahead, as its last caller would have.
struct StartContext {
  std::vector<std::string> options;  ///< the interpreter's own, in front of -c
  base::UniqueFd folder;             ///< the current one
  std::uint32_t umask = 022;
  std::string affinity;  ///< cpu_set_t bytes; empty: this process's
  std::array<wire::Limit, wire::k_limit_count> limits{};
  std::uint64_t ignored_signals = 0;  ///< bit n-1: signal n
};

/// A program to be started as a zygote.
struct ZygoteCommand {
  std::string interpreter;                  ///< absolute
  std::vector<std::string> module_folders;  ///< strongest first
  Variables environment;
  rlimit descriptor_limit{};     ///< RLIMIT_NOFILE as the service was given it
  base::BorrowedFd recording{};  ///< to be its descriptor k_recording_number; invalid: none
  std::optional<StartContext> context{};  ///< of a program that runs ahead; its limits win
  bool idle = false;                      ///< at idle priority
  std::vector<std::string> observer{};    ///< a program and its words, that starts the rest
};

inline constexpr int k_recording_number = 5;

/// A child process and the service's end of its SEQPACKET pair (non-blocking, close-on-exec).
struct Spawned {
  pid_t pid = -1;
  base::UniqueFd link;
};

/// Starts the interpreter with its end of the pair as descriptor 3, /dev/null as 0 and `output` as
/// 1 and 2; nothing else is open in it, signals are as at login but for the context's. Throws
/// std::system_error, also with what execve(2) said.
[[nodiscard]] Spawned spawn_zygote(const ZygoteCommand& command, base::BorrowedFd output);

}  // namespace pml::service
