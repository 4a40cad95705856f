#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace pml::base {

void close_number(int fd) noexcept {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

void UniqueFd::reset() noexcept {
  if (fd_ >= 0) close_number(std::exchange(fd_, -1));
}

UniqueFd duplicate(BorrowedFd fd, int at_least) noexcept {
  return {k_adopt, ::fcntl(fd.get(), F_DUPFD_CLOEXEC, at_least)};
}

bool place(BorrowedFd fd, int number) noexcept {
  if (fd.get() == number) {
    const int flags = ::fcntl(number, F_GETFD);
    return flags >= 0 && ::fcntl(number, F_SETFD, flags & ~FD_CLOEXEC) == 0;
  }
  return ::dup2(fd.get(), number) >= 0;
}

void close_between(unsigned first, unsigned last) noexcept {
  const int saved = errno;
  if (first <= last) ::close_range(first, last, 0);
  errno = saved;
}

}  // namespace pml::base
