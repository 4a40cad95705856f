#pragma once

#include "base/unique_fd.hpp"

namespace pml::worker {

/// The kernel remembers of each process which user logged in, and lets nobody change it. Where that
/// is set for this process and not for the client at the other end, as in a shell that was put into
/// a container, os.getlogin() answers from now on as in a process without one.
void adopt_login_user(base::BorrowedFd connection);

}  // namespace pml::worker
