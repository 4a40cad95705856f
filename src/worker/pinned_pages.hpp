#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "base/unique_fd.hpp"

namespace pml::worker {

/// Pages that a child of this process has for itself from the fork on: what a device may be writing
/// to, the kernel copies then, all at once, instead of sharing it until somebody writes. They are
/// registered with an io_uring as buffers for the purpose; nothing is ever read into them. A matter
/// of time alone.
class PinnedPages {
 public:
  /// Pins the ranges, which must be whole pages of memory that this process may write; nothing must
  /// be pinned. As many of them, from the first on, as a quarter of RLIMIT_MEMLOCK has room for;
  /// none where the kernel does not let it (before Linux 5.1, kernel.io_uring_disabled, a seccomp
  /// filter, a user who has locked that much elsewhere: the account is one for all processes of a
  /// user).
  void pin(std::span<const iovec> ranges) noexcept;

  /// Unpins them. In a child, where they are its parent's, it says that it has done with them.
  void release() noexcept;

  /// How many ranges are pinned.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  base::UniqueFd ring_;
  std::size_t count_ = 0;
};

}  // namespace pml::worker
