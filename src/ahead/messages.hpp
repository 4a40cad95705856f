#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ahead/facts.hpp"
#include "base/unique_fd.hpp"

namespace pml::ahead {

/// How a standard descriptor was with a caller.
struct Stream {
  bool open = false;
  bool terminal = false;
  bool blocking = true;      ///< no O_NONBLOCK
  bool seekable = false;     ///< lseek(2) can tell where it is
  std::int32_t columns = 0;  ///< of a terminal
  std::int32_t lines = 0;
  bool operator==(const Stream&) const = default;
};
using Streams = std::array<Stream, 3>;

/// Service → template, with wire::OrderKind::run_ahead, in the memfd that comes with it.
///
/// The service starts the process as any zygote, but as the program's last caller would have
/// started python3: its environment (all of it, in its order), folder, umask, limits and ignored
/// signals, with the interpreter options of its request in front of -c. The template then runs the
/// program as that request names it.
struct Plan {
  std::string request;                      ///< the last caller's wire::Request, encoded
  Streams streams;                          ///< look_at_streams() of what that caller sent along
  std::vector<std::string> template_stops;  ///< modules before whose import the template stops,
                                            ///< and a worker goes on by itself
  std::vector<std::string> worker_stops;    ///< modules before whose import a worker stops
  std::vector<std::string> allowed;         ///< lines of config/ahead
  std::vector<std::string> changing;        ///< files that change with each launch: a worker stops
                                            ///< before it looks at one
  std::vector<std::string> tried;  ///< what of compiled code a trial has heard all of: shared
                                   ///< objects, "dlopen NAME", "calls NAME"
  std::string arguments;  ///< encoded; a trial goes on with them, and with them `tried` holds
                          ///< behind the arguments, too; empty: only up to them
  bool trial = false;     ///< it is one: nothing is forked, and the end is told to who observes
  std::uint32_t processor_msec = 5000;  ///< of processor time, then running ahead stops
  std::uint32_t msec = 30000;           ///< of the clock
  std::uint32_t memory_mib = 1024;      ///< resident
};

/// The descriptor, which is not open, that the end of a trial is written to: a line "stops WHAT" or
/// "fails WHY", then "tried WHAT" for each piece of compiled code that was run.
inline constexpr int k_trial_marker = 1022;

/// In front of the modules that a trial names once it has gone on with its arguments.
inline constexpr char k_past_arguments = '+';

/// Template → service with wire::EventKind::ahead, and worker → service with
/// wire::VerdictKind::ahead, each once, in the memfd that comes with it. A worker's says all that
/// its template's said, too.
struct Report {
  std::vector<Fact> facts;
  std::vector<FileFact> files;  ///< at most one a path
  std::string question;  ///< what it stopped before, for people: "makes /home/me/.ansible/tmp"
  std::string place;     ///< "ansible/config/manager.py:117", or empty
  std::uint64_t processor_usec = 0;  ///< spent ahead, by template and worker
  std::uint64_t usec = 0;            ///< the same by the clock
  bool untried = false;  ///< it stopped before compiled code; a trial may tell what that asks
  bool before_arguments = false;  ///< it stopped before the words behind sys.argv[0], and can go on
                                  ///< with some (wire::send_arguments())
  bool unheard = false;  ///< compiled code is loaded that nobody hears: only with Plan::arguments
  std::uint64_t start_usec = 0;  ///< of processor_usec, until the program's first instruction: what
                                 ///< any warm interpreter saves, too
};

[[nodiscard]] std::string encode(const Plan& plan);
[[nodiscard]] std::optional<Plan> decode_plan(std::string_view bytes);
[[nodiscard]] std::string encode(const Report& report);
[[nodiscard]] std::optional<Report> decode_report(std::string_view bytes);

/// A memfd, close-on-exec, that holds the bytes; invalid, with errno set, where there is none.
[[nodiscard]] base::UniqueFd in_memory(std::string_view bytes) noexcept;
/// What it holds; nothing where it cannot be read or is larger than 64 MiB.
[[nodiscard]] std::optional<std::string> from_memory(base::BorrowedFd memory);

}  // namespace pml::ahead
