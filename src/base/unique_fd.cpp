#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

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

void close_all_but(std::span<const int> kept, unsigned last) {
  std::vector<int> numbers(kept.begin(), kept.end());
  std::sort(numbers.begin(), numbers.end());
  unsigned next = 0;
  for (const int number : numbers) {
    if (number < 0) continue;
    const auto current = static_cast<unsigned>(number);
    if (current > next) close_between(next, std::min(current - 1, last));
    next = std::max(next, current + 1);
  }
  close_between(next, last);
}

void close_between(unsigned first, unsigned last) noexcept {
  const int saved = errno;
  if (first <= last) ::close_range(first, last, 0);
  errno = saved;
}

}  // namespace pml::base
