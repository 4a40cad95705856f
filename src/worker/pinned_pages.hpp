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
  /// Pins the ranges, which must be whole pages of memory that this process may write. Returns how
  /// many of them, from the first on, are pinned: none where the kernel does not let it (before
  /// Linux 5.1, kernel.io_uring_disabled, a seccomp filter), and no more than a quarter of
  /// RLIMIT_MEMLOCK, as the kernel counts for all processes of a user together. To be called once.
  std::size_t pin(std::span<const iovec> ranges) noexcept;

  /// In a child: what is pinned is its parent's.
  void leave() noexcept { ring_.reset(); }

 private:
  base::UniqueFd ring_;
};

}  // namespace pml::worker
