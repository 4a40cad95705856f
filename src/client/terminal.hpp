#pragma once

// The kernel's own terminal modes, not libc's: <termios.h> must not be included beside it.
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include <array>
#include <string_view>

#include "base/unique_fd.hpp"
#include "wire/terminal_word.hpp"

namespace pml::client {

using Modes = ::termios;

[[nodiscard]] bool same(const Modes& first, const Modes& second) noexcept;
/// The modes in which a terminal passes every byte on as it is, both ways.
[[nodiscard]] Modes raw(const Modes& modes) noexcept;

/// What the caller's controlling terminal has to do with a launch.
enum class TerminalRole {
  none,       ///< there is none
  standard,   ///< standard input is it, the others are it or files, and the caller is in its
              ///< foreground
  output,     ///< standard output or error is it, the other is it or a file, standard input is
              ///< something else, and the caller is in its foreground
  beside,     ///< there is one, and it is none of the above
  background  ///< standard input is it, and the caller is in its background
};

/// The caller's controlling terminal, the pseudo-terminal that the job is given for it, and the
/// pair over which the job's shepherd is spoken to. What fails because a terminal is gone fails
/// without a word.
class Terminal {
 public:
  /// Looks for the controlling terminal. One system call where there is none.
  [[nodiscard]] TerminalRole find() noexcept;
  /// Makes the pseudo-terminal, with the modes and the size of the real one, and the pair. False,
  /// with errno set, on failure.
  [[nodiscard]] bool open_pair() noexcept;

  [[nodiscard]] base::BorrowedFd real() const noexcept { return real_.borrow(); }
  [[nodiscard]] base::BorrowedFd near() const noexcept { return near_.borrow(); }
  [[nodiscard]] base::BorrowedFd control() const noexcept { return control_.borrow(); }
  /// Whether the descriptor `number` is the controlling terminal.
  [[nodiscard]] static bool is_same(int number) noexcept;

  /// Every descriptor of this object; -1 where there is none.
  [[nodiscard]] std::array<int, 5> descriptors() const noexcept;
  /// What is sent as k_descriptor_terminal, in this order; the first is the far end.
  [[nodiscard]] std::array<int, wire::k_terminal_descriptors> sent() const noexcept;
  /// Closes what only the other side needs.
  void close_far() noexcept;
  /// Closes the near end.
  void hang_up() noexcept;

  [[nodiscard]] bool in_foreground() const noexcept;
  /// The process group in the foreground of the job's terminal; 0 where there is none.
  [[nodiscard]] int foreground_of_job() const noexcept;
  /// The modes of the real or the job's terminal; false where it is gone.
  [[nodiscard]] static bool get(base::BorrowedFd terminal, Modes& modes) noexcept;
  static void set(base::BorrowedFd terminal, const Modes& modes) noexcept;
  /// Gives the job's terminal the size of the real one.
  void copy_size() noexcept;
  /// Gives the real one the size of the job's, where the job has changed that since.
  void take_size_over() noexcept;
  /// Whether type() works: a system may forbid it, to all or to those without a privilege.
  [[nodiscard]] bool may_type() const noexcept;
  /// The job's end once more, for this process's own use, non-blocking.
  [[nodiscard]] base::UniqueFd open_far() const noexcept;
  /// Has the real terminal take `text` for typed.
  void type(std::string_view text) noexcept;

  /// Says a word to the shepherd. False where it is gone.
  bool say(wire::TerminalWordKind kind, int value = 0) noexcept;
  /// Reads a word of the shepherd's. False where there is none.
  [[nodiscard]] bool next_word(wire::TerminalWord& word) noexcept;

 private:
  base::UniqueFd real_;     // an open file of its own: non-blocking, and for nobody else
  base::UniqueFd near_;     // non-blocking
  base::UniqueFd far_;      // until the job has it
  base::UniqueFd control_;  // to the shepherd
  base::UniqueFd shepherds_;
  winsize size_{};
};

}  // namespace pml::client
