#pragma once

#include <cstdint>

namespace pml::wire {

/// What client and shepherd say to each other about a job on a terminal, one packet each on a
/// SOCK_SEQPACKET pair. The shepherd is the job's parent; the client's end closes when it is gone.
enum class TerminalWordKind : std::int32_t {
  signal = 1,        ///< to the shepherd: value is for the job alone
  signal_group = 2,  ///< to the shepherd: value is for the job's process group
  foreground = 3,    ///< to the shepherd: the client has its terminal's foreground
  background = 4,    ///< to the shepherd: the client has lost it
  hang_up = 5,       ///< to the shepherd: the client's terminal is gone
  farewell = 6,      ///< to the shepherd: the client knows the job's end and leaves
  stopped = 7,       ///< to the client: the job was stopped by the signal value
  ended = 8,         ///< to the client: the job ended; value is the wait status
  wish = 9,  ///< to the client: the job waits for input, or has changed its terminal's modes
};

struct TerminalWord {
  TerminalWordKind kind = TerminalWordKind::signal;
  std::int32_t value = 0;
};

/// A request with a pseudo-terminal carries k_descriptor_terminal so many times: its far end, the
/// shepherd's end of the pair, its near end, the client's own terminal.
inline constexpr int k_terminal_descriptors = 4;

}  // namespace pml::wire
