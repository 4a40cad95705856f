#include "base/process_group.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace pml::base {

// Until it is reaped, a child that has ended keeps its group alive.
LeaderlessGroup::LeaderlessGroup() noexcept {
  // A fork would copy the page tables of a large interpreter.
  const pid_t child = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (child == 0) {
    ::setpgid(0, 0);  // NOLINT(clang-analyzer-unix.Vfork)
    ::_exit(0);
  }
  if (child > 0) id_ = child;
}

LeaderlessGroup::~LeaderlessGroup() {
  if (id_ == 0) return;
  while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void signal_group_of(pid_t member, int signal) noexcept {
  const pid_t group = ::getpgid(member);
  ::kill(group > 1 && group != ::getpgrp() ? -group : member, signal);
}

}  // namespace pml::base
