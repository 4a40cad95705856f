#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "base/unique_fd.hpp"

namespace pml::worker {

/// Whether a job wants its terminal read: nothing tells the other end of a pseudo-terminal, so this
/// looks at the processes. For their parent, which may.
class TerminalWish {
 public:
  /// `job` and what it starts are looked at; `far` is the end that they have. It must stay open.
  TerminalWish(pid_t job, base::BorrowedFd far);

  /// Whether one of them waits for input there now, or the modes are not what they were at first.
  [[nodiscard]] bool is_shown() const;

 private:
  [[nodiscard]] bool waits(const std::string& process) const;
  [[nodiscard]] bool is_terminal(const std::string& link) const;

  pid_t job_;
  base::BorrowedFd far_;
  std::string name_;  // of the terminal, as its descriptors show it
  std::array<char, 64> first_modes_{};
};

}  // namespace pml::worker
