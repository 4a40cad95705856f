#pragma once

#include <cstdint>

namespace pml::trial {

/// What becomes of a system call while a program runs ahead.
enum class Verdict : std::uint8_t {
  harmless,  ///< made, and not told of
  fact,      ///< made; the answer must be the same when a caller comes
  own,       ///< made; no process has the answer, or what was made, in common with another
  stop,      ///< not made: somebody else could notice, or only a caller can answer
};

/// What of its arguments decides, where the call alone does not.
enum class Look : std::uint8_t {
  nothing,
  path,        ///< a file looked at: the path is argument `at`
  path_from,   ///< the same; argument `at` is the folder's descriptor, the next one the path
  named_path,  ///< the call decides; the path, argument `at`, is only told
  named_path_from,
  open,                ///< path, flags
  open_from,           ///< folder, path, flags
  open_how,            ///< folder, path, struct open_how
  create,              ///< creat(2)
  read,                ///< from descriptor `at`
  write,               ///< to descriptor `at`
  control,             ///< ioctl
  descriptor_control,  ///< fcntl
  map,                 ///< mmap
  thread,              ///< clone: a thread, or a process
  thread3,             ///< clone3
  process_control,     ///< prctl
  limit,               ///< prlimit64
  socket,
  bind,
  connect,
  socket_option,
  wait_poll,    ///< poll, ppoll
  wait_select,  ///< select, pselect6
  signal_action,
  personality,
  exit,
};

/// How one system call is judged.
struct CallRule {
  const char* name = nullptr;  ///< null: not known, and so a stop
  Verdict verdict = Verdict::stop;
  Look look = Look::nothing;
  std::uint8_t at = 0;
  const char* what = nullptr;  ///< in words, as "makes a folder"
};

/// The rule for a system call of this machine's own kind. Of unknown ones: a stop without a name.
[[nodiscard]] const CallRule& rule_of(std::uint64_t number) noexcept;

}  // namespace pml::trial
