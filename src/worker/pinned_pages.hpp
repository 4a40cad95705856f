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
  /// Pins the ranges, which must be whole pages of memory that this process may write. Returns
  /// false, with nothing pinned, where
  /// - the kernel does not let it: it is too old, kernel.io_uring_disabled is set, there is a
  ///   seccomp filter, which may kill who tries; before Linux 6.5 also where a range belongs to the
  ///   mapping of a file;
  /// - it would count against RLIMIT_MEMLOCK (without CAP_IPC_LOCK): the account is one for all
  ///   processes of a user, and would lack for a job;
  /// - more would be copied than the ranges, as of a huge page that is pinned in part.
  /// To be called until it has returned true.
  [[nodiscard]] bool pin(std::span<const iovec> ranges) noexcept;

  /// In a child: what is pinned is its parent's.
  void leave() noexcept { ring_.reset(); }

  /// How many ranges are pinned, in this process or for it.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  base::UniqueFd ring_;
  std::size_t count_ = 0;
};

}  // namespace pml::worker
