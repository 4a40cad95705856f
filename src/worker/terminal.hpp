#pragma once

#include <optional>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/request.hpp"

namespace pml::worker {

/// What a request brings for a job that has a terminal.
struct JobTerminal {
  base::UniqueFd far;         ///< the end of the pseudo-terminal that the job is to have
  base::UniqueFd control;     ///< SOCK_SEQPACKET, to the client: wire::TerminalWord
  base::UniqueFd near;        ///< the client's end, so that the terminal outlives the client …
  base::UniqueFd real;        ///< … and what is written to it then: the client's own terminal
  bool tells_wishes = false;  ///< the client is told when the job wants input
};

/// Takes the terminal out of a request's descriptors. Nothing where there is none.
[[nodiscard]] std::optional<JobTerminal> take_terminal(const wire::Request& request,
                                                       std::vector<base::UniqueFd>& descriptors);

/// Gives this process a session on the terminal and forks. The parent never returns: it becomes the
/// shepherd, which tells the client of the job's stops, wishes and end, passes signals on, kills
/// the job when the client was killed, and ends as the job ended. Where the job has left processes
/// on the terminal it tells so over `link` instead, a worker's, and stays until they have let it
/// go. The child returns true, in a process group of its own, which is the terminal's foreground,
/// and which it leads if `leads_group`. (In one process the group would be orphaned, and no signal
/// could stop it.) False, in this process, where the system does not allow it. The GIL is held.
/// Python hears of the fork if `tells_python`.
[[nodiscard]] bool enter_terminal(JobTerminal terminal, bool leads_group, base::BorrowedFd link,
                                  bool tells_python = true);

}  // namespace pml::worker
