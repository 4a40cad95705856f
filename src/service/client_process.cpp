#include "service/client_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>

namespace pml::service {

namespace {

/// The letter of the process's state in proc_pid_stat(5); 'X' where there is none.
char state_of(pid_t pid) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const base::UniqueFd file(base::k_adopt, ::open(path, O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return 'X';
  const std::string_view view(text, static_cast<std::size_t>(size));
  const std::size_t name_end = view.rfind(')');
  return name_end == std::string_view::npos || name_end + 2 >= view.size() ? 'X'
                                                                           : view[name_end + 2];
}

}  // namespace

bool is_stopped(const Client& client) noexcept {
  return state_of(client.pid) == 'T';
}

void wake(const Client& client) noexcept {
  const base::UniqueFd process(base::k_adopt,
                               static_cast<int>(::syscall(SYS_pidfd_open, client.pid, 0)));
  if (!client.connection.valid()) return;
  // As long as the connection stands, the number is still the client's.
  pollfd connection{client.connection.get(), POLLRDHUP, 0};
  if (!process.valid() || ::poll(&connection, 1, 0) != 0 || !is_stopped(client)) return;
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGCONT, nullptr, 0);
}

}  // namespace pml::service
