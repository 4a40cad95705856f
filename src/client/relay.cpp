#include "client/relay.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/terminal_text.hpp"

namespace pml::client {

namespace {

constexpr std::size_t k_piece = 4096;
constexpr std::size_t k_most_left = 1U << 20;  // a process left behind may write for ever

// A line's end of file is read as a NUL byte once the line is no more one.
void restore_ends(std::string& text, const Modes& modes) {
  if ((modes.c_lflag & ICANON) == 0) return;
  std::replace(text.begin(), text.end(), '\0', static_cast<char>(modes.c_cc[VEOF]));
}

// Reads what is there now.
std::string read_all(base::BorrowedFd from) {
  std::string text;
  char piece[k_piece];
  ssize_t size = 0;
  while ((size = ::read(from.get(), piece, sizeof piece)) > 0)
    text.append(piece, static_cast<std::size_t>(size));
  return text;
}

}  // namespace

int typed_signal(const Modes& modes, char byte) noexcept {
  if ((modes.c_lflag & ISIG) == 0 || byte == '\0') return 0;
  const auto character = static_cast<cc_t>(byte);
  if (character == modes.c_cc[VINTR]) return SIGINT;
  if (character == modes.c_cc[VQUIT]) return SIGQUIT;
  if (character == modes.c_cc[VSUSP]) return SIGTSTP;
  return 0;
}

void Relay::begin(int job) {
  group_ = ::getpgid(job);
  (void)Terminal::get(terminal_.real(), first_);
  if (!terminal_.in_foreground())
    terminal_.say(wire::TerminalWordKind::background);
  else if (standard_)
    attend();
}

// From now on the caller's terminal is read.
void Relay::attend() {
  Modes modes{};
  if (raw_ || !Terminal::get(terminal_.real(), modes)) return;
  set_ = raw(modes);
  if (!standard_) set_.c_oflag = modes.c_oflag;
  Terminal::set(terminal_.real(), set_);
  (void)Terminal::get(terminal_.real(), set_);
  raw_ = true;
  line_typed_ = false;
  if ((modes.c_lflag & ICANON) != 0) take_typed_ahead(modes);
}

// What was typed before is on the screen already.
void Relay::take_typed_ahead(const Modes& modes) {
  std::string typed = read_all(terminal_.real());
  if (typed.empty()) return;
  restore_ends(typed, modes);
  Modes job{};
  const bool echoes = Terminal::get(terminal_.near(), job) && (job.c_lflag & ECHO) != 0;
  if (echoes) {
    Modes quiet = job;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    Terminal::set(terminal_.near(), quiet);
  }
  to_job_ += typed;
  write_job();
  if (!echoes) return;
  take_in();
  Terminal::set(terminal_.near(), job);
}

// The caller's terminal passes on what it gets. One beside the standard streams goes on as the
// job's does, because the rest of a pipeline may write to it.
void Relay::fit(std::string& text) {
  Modes job{};
  if (raw_ && standard_) return;
  if (raw_ && Terminal::get(terminal_.near(), job) && job.c_oflag != set_.c_oflag) {
    Modes now{};
    const bool ours = Terminal::get(terminal_.real(), now) && same(now, set_);
    now.c_oflag = job.c_oflag;
    if (ours) {
      Terminal::set(terminal_.real(), now);
      (void)Terminal::get(terminal_.real(), set_);
    }
  }
  if (!raw_ || (set_.c_oflag & OPOST) != 0) base::take_out_returns(text);
}

std::array<pollfd, 2> Relay::waits() const noexcept {
  pollfd real{terminal_.real().get(), 0, 0};
  pollfd near{terminal_.near().get(), 0, 0};
  if (raw_ && to_job_.empty()) real.events |= POLLIN;
  if (!to_terminal_.empty()) real.events |= POLLOUT;
  if (job_open_ && to_terminal_.empty()) near.events |= POLLIN;
  if (job_open_ && !to_job_.empty()) near.events |= POLLOUT;
  if (real.events == 0) real.fd = -1;  // or it would report its end for ever
  if (near.events == 0) near.fd = -1;
  return {real, near};
}

void Relay::ready(const pollfd& real, const pollfd& near) {
  if ((real.revents & POLLOUT) != 0) write_terminal();
  if ((near.revents & POLLOUT) != 0) write_job();
  if ((real.revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_terminal();
  if ((near.revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_job();
}

// What is written shows that the job wants an answer; modes of its own show it everywhere.
bool Relay::is_asked() const noexcept {
  Modes job{};
  return after_output_ || (Terminal::get(terminal_.near(), job) && !same(job, first_));
}

void Relay::read_job() {
  char piece[k_piece];
  const ssize_t size = ::read(terminal_.near().get(), piece, sizeof piece);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    job_open_ = false;
    to_job_.clear();
    return;
  }
  if (!raw_ && is_asked() && terminal_.in_foreground()) attend();
  std::string text(piece, static_cast<std::size_t>(size));
  fit(text);
  to_terminal_ += text;
  write_terminal();
  doze();
}

void Relay::write_terminal() noexcept {
  const ssize_t size = ::write(terminal_.real().get(), to_terminal_.data(), to_terminal_.size());
  if (size >= 0)
    to_terminal_.erase(0, static_cast<std::size_t>(size));
  else if (errno != EAGAIN && errno != EINTR)
    to_terminal_.clear();  // Nobody can see it.
}

void Relay::read_terminal() {
  if (!raw_) {
    to_terminal_.clear();
    return;
  }
  char piece[k_piece];
  const ssize_t size = ::read(terminal_.real().get(), piece, sizeof piece);
  if (size > 0) {
    to_job_.append(piece, static_cast<std::size_t>(size));
    write_job();
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    if (size < 0 && !terminal_.in_foreground() && Terminal::is_same(terminal_.real().get()))
      raw_ = false;  // Somebody else has it now.
    else
      hang_up();
  }
}

void Relay::hang_up() noexcept {
  raw_ = job_open_ = false;
  to_job_.clear();
  terminal_.say(wire::TerminalWordKind::hang_up);
  terminal_.hang_up();
}

// The keyboard's signals reach the job through its terminal, and the caller's other processes from
// here, because they share the foreground.
void Relay::write_job() {
  if (to_job_.empty() || !job_open_) return;
  Modes modes{};
  (void)Terminal::get(terminal_.near(), modes);
  const bool shared = terminal_.foreground_of_job() == group_;
  const ssize_t size = ::write(terminal_.near().get(), to_job_.data(), to_job_.size());
  if (size <= 0) return;
  for (ssize_t i = 0; i < size; ++i) {
    const char byte = to_job_[static_cast<std::size_t>(i)];
    if (const int signal = typed_signal(modes, byte); signal != 0 && shared) ::kill(0, signal);
    if (byte == '\r' || byte == '\n') line_typed_ = true;
  }
  to_job_.erase(0, static_cast<std::size_t>(size));
  doze();
}

// A terminal beside the standard streams is left alone again after an answer.
void Relay::doze() {
  if (standard_ || !raw_ || !line_typed_) return;
  take_in();
  drain();
  Modes job{};
  if (Terminal::get(terminal_.near(), job) && same(job, first_)) leave({}, {});
}

// Has the job's terminal take in now what was written to it: asking it for input does.
void Relay::take_in() noexcept {
  const base::UniqueFd far = terminal_.open_far();
  pollfd taken{far.get(), POLLIN, 0};
  ::poll(&taken, 1, 0);
}

void Relay::drain() {
  for (std::size_t total = 0; total < k_most_left && job_open_ && terminal_.near().valid();) {
    char piece[k_piece];
    const ssize_t size = ::read(terminal_.near().get(), piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    total += static_cast<std::size_t>(size);
    std::string text(piece, static_cast<std::size_t>(size));
    fit(text);
    to_terminal_ += text;
    while (!to_terminal_.empty()) {
      write_terminal();
      pollfd room{terminal_.real().get(), POLLOUT, 0};
      if (!to_terminal_.empty()) ::poll(&room, 1, -1);
      if ((room.revents & (POLLHUP | POLLERR)) != 0) to_terminal_.clear();
    }
  }
}

// Puts the job's modes on the caller's terminal, unless somebody else has changed or taken it.
// `unread` was typed and seen, `unseen` only typed.
void Relay::leave(std::string_view unread, std::string_view unseen) {
  if (!raw_) return;
  raw_ = false;
  Modes now{};
  Modes modes = first_;
  if (!Terminal::get(terminal_.real(), now) || !same(now, set_) || !terminal_.in_foreground())
    return;
  (void)Terminal::get(terminal_.near(), modes);
  if (!unread.empty()) {
    Modes quiet = modes;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    Terminal::set(terminal_.real(), quiet);
    terminal_.type(unread);
  }
  Terminal::set(terminal_.real(), modes);
  terminal_.type(unseen);
}

void Relay::heed_wish() {
  if (!standard_ && !raw_ && job_open_ && terminal_.in_foreground()) attend();
}

void Relay::suspend() {
  drain();
  terminal_.take_size_over();
  leave({}, {});
}

void Relay::resume() {
  if (!terminal_.in_foreground()) {
    raw_ = false;
    terminal_.say(wire::TerminalWordKind::background);
    return;
  }
  Modes modes{};
  const bool known = Terminal::get(terminal_.real(), modes);
  if (raw_ && !same(modes, set_)) raw_ = false;  // A shell has set its own.
  if (standard_ && !raw_ && known) {
    Terminal::set(terminal_.near(), modes);
    attend();
  }
  resize();
  terminal_.say(wire::TerminalWordKind::foreground);
}

std::string Relay::unread_input(const Modes& modes) {
  const base::UniqueFd far = terminal_.open_far();
  if (!far.valid()) return {};
  Terminal::set(terminal_.near(), raw(modes));
  std::string text = read_all(far.borrow());
  restore_ends(text, modes);
  Terminal::set(terminal_.near(), modes);
  return text;
}

void Relay::finish() {
  terminal_.say(wire::TerminalWordKind::farewell);
  drain();
  terminal_.take_size_over();
  Modes modes{};
  if (!raw_ || !terminal_.near().valid() || !Terminal::get(terminal_.near(), modes)) {
    leave({}, {});
    return;
  }
  const std::string unread = unread_input(modes);
  // What cannot be put back had better stay where it is.
  leave(unread, to_job_ + (standard_ || after_output_ ? read_all(terminal_.real()) : ""));
}

}  // namespace pml::client
