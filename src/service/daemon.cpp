#include "service/daemon.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"
#include "base/exit_status.hpp"

namespace pml::service {

namespace {

[[noreturn]] void wait_for_start(const base::UniqueFd& pipe) noexcept {
  unsigned char status = base::k_exit_software;
  while (::read(pipe.get(), &status, 1) < 0 && errno == EINTR) {
  }
  ::_exit(status);
}

}  // namespace

void Daemon::detach() {
  int pipe[2];
  base::check(::pipe2(pipe, O_CLOEXEC), "cannot make a pipe");
  const base::UniqueFd reader(base::k_adopt, pipe[0]);
  parent_ = base::UniqueFd(base::k_adopt, pipe[1]);
  const pid_t child = base::check(::fork(), "cannot fork");
  if (child != 0) {
    parent_.reset();
    wait_for_start(reader);
  }
  ::setsid();
  detached_ = true;
}

void Daemon::started(int status) noexcept {
  if (!parent_.valid()) return;
  const base::UniqueFd null(base::k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC));
  // After a failure the sentence that explains it must still be readable.
  if (status == 0)
    for (int number = 0; number <= 2 && null.valid(); ++number)
      static_cast<void>(base::place(null.borrow(), number));
  const auto byte = static_cast<unsigned char>(status);
  [[maybe_unused]] const ssize_t written = ::write(parent_.get(), &byte, 1);
  parent_.reset();
}

}  // namespace pml::service
