#pragma once

#include <string_view>

#include "base/unique_fd.hpp"

namespace pml::client {

/// What a process is to go on with once it is restored.
struct Restoring {
  base::BorrowedFd image;
  std::string_view body;    ///< the request
  std::string_view report;  ///< where the end is told to
  base::BorrowedFd
      connection;            ///< to the service; the only ones of the client's own, together with
  base::BorrowedFd trace;    ///< this, that stay open
  base::BorrowedFd signals;  ///< to be closed
  bool may_execute = true;   ///< python3, where the job cannot be this process's
};

/// Whether this build of the client can restore at all.
[[nodiscard]] bool can_restore() noexcept;

/// Why a process could not be restored.
struct RestoreFailure {
  const char* why = "";
  bool begun = false;  ///< the process is not what it was: all that is left to do is to execute
};

/// Maps the image over this process, which goes on in it. Returns only where that fails.
[[nodiscard]] RestoreFailure restore(const Restoring& what);

}  // namespace pml::client
