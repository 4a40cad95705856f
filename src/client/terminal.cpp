#include "client/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/connection.hpp"

namespace pml::client {

namespace {

/// A file, /dev/null or nothing: no program of the same pipeline, which might read the terminal
/// too.
bool has_no_reader(int number) noexcept {
  constexpr dev_t k_null_device = 1 << 8 | 3;
  struct stat info = {};
  if (::fstat(number, &info) != 0) return true;
  return S_ISREG(info.st_mode) || (S_ISCHR(info.st_mode) && info.st_rdev == k_null_device);
}

}  // namespace

bool same(const Modes& first, const Modes& second) noexcept {
  return std::memcmp(&first, &second, sizeof first) == 0;
}

Modes raw(const Modes& modes) noexcept {
  Modes result = modes;
  result.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR |
                                           ICRNL | IUCLC | IXON | IXANY | IXOFF | IMAXBEL);
  result.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  result.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  result.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  result.c_cflag |= CS8;
  result.c_cc[VMIN] = 1;
  result.c_cc[VTIME] = 0;
  return result;
}

TerminalRole Terminal::find() noexcept {
  real_ = above_standard(::open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!real_.valid()) return TerminalRole::none;
  const bool input = is_same(0);
  const bool foreground = in_foreground();
  if (input && !foreground) return TerminalRole::background;
  const bool alone = (is_same(1) || has_no_reader(1)) && (is_same(2) || has_no_reader(2));
  if (!alone) return TerminalRole::beside;
  if (input) return TerminalRole::standard;
  return foreground && (is_same(1) || is_same(2)) ? TerminalRole::output : TerminalRole::beside;
}

bool Terminal::open_pair() noexcept {
  near_ = above_standard(::open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  int locked = 0;
  if (!near_.valid() || ::ioctl(near_.get(), TIOCSPTLCK, &locked) != 0) return false;
  far_ = above_standard(::ioctl(near_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  int pair[2];
  if (!far_.valid() || ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return false;
  control_ = above_standard(pair[0]);
  shepherds_ = above_standard(pair[1]);
  Modes modes{};
  if (!get(real(), modes)) return false;
  set(near(), modes);
  copy_size();
  return true;
}

// Only of its own controlling terminal may a process ask this.
bool Terminal::is_same(int number) noexcept {
  int group = 0;
  return ::ioctl(number, TIOCGPGRP, &group) == 0;
}

std::array<int, 5> Terminal::descriptors() const noexcept {
  return {real_.get(), near_.get(), far_.get(), control_.get(), shepherds_.get()};
}

std::array<int, wire::k_terminal_descriptors> Terminal::sent() const noexcept {
  return {far_.get(), shepherds_.get(), near_.get(), real_.get()};
}

void Terminal::close_far() noexcept {
  far_.reset();
  shepherds_.reset();
}

void Terminal::hang_up() noexcept {
  near_.reset();
}

bool Terminal::in_foreground() const noexcept {
  int group = 0;
  return ::ioctl(real_.get(), TIOCGPGRP, &group) == 0 && group == ::getpgid(0);
}

int Terminal::foreground_of_job() const noexcept {
  int group = 0;
  return ::ioctl(near_.get(), TIOCGPGRP, &group) == 0 ? group : 0;
}

bool Terminal::get(base::BorrowedFd terminal, Modes& modes) noexcept {
  return ::ioctl(terminal.get(), TCGETS, &modes) == 0;
}

void Terminal::set(base::BorrowedFd terminal, const Modes& modes) noexcept {
  ::ioctl(terminal.get(), TCSETS, &modes);
}

void Terminal::copy_size() noexcept {
  if (::ioctl(real_.get(), TIOCGWINSZ, &size_) == 0) ::ioctl(near_.get(), TIOCSWINSZ, &size_);
}

void Terminal::take_size_over() noexcept {
  winsize size{};
  if (::ioctl(near_.get(), TIOCGWINSZ, &size) != 0) return;
  if (std::memcmp(&size, &size_, sizeof size) != 0) ::ioctl(real_.get(), TIOCSWINSZ, &size);
  size_ = size;
}

bool Terminal::may_type() const noexcept {
  // Who may not hears of that before the kernel looks for the byte.
  return ::ioctl(real_.get(), TIOCSTI, nullptr) != 0 && errno == EFAULT;
}

base::UniqueFd Terminal::open_far() const noexcept {
  return {base::k_adopt,
          ::ioctl(near_.get(), TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
}

void Terminal::type(std::string_view text) noexcept {
  for (const char& byte : text) ::ioctl(real_.get(), TIOCSTI, &byte);
}

bool Terminal::say(wire::TerminalWordKind kind, int value) noexcept {
  const wire::TerminalWord word{kind, value};
  iovec part{const_cast<wire::TerminalWord*>(&word), sizeof word};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return ::sendmsg(control_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof word;
}

bool Terminal::next_word(wire::TerminalWord& word) noexcept {
  const ssize_t size = ::recv(control_.get(), &word, sizeof word, MSG_DONTWAIT);
  if (size == sizeof word) return true;
  if (size >= 0 || errno != EAGAIN) control_.reset();
  return false;
}

}  // namespace pml::client
