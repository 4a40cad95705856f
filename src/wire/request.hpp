#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::wire {

/// What the user wants to run, as python3's own command line tells it apart.
enum class ProgramKind : std::uint8_t {
  script = 0,       ///< target: path of a file, folder or archive
  module = 1,       ///< target: dotted name (-m)
  command = 2,      ///< target: source text (-c)
  standard_in = 3,  ///< target: "-" or "" where nothing was named
  entry_point = 4,  ///< target: [DIST[==VERSION]:[GROUP:]]NAME (-e)
};
inline constexpr std::uint8_t k_last_program_kind = 4;

inline constexpr std::size_t k_limit_count = 16;  ///< RLIMIT_CPU … RLIMIT_RTTIME

/// A resource limit as prlimit(2) gives it.
struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const Limit&) const = default;
};

/// Flags of a request.
enum RequestFlag : std::uint32_t {
  k_flag_wait = 1U << 0,              ///< wait for a pool that is warming up
  k_flag_detach = 1U << 1,            ///< the job outlives the client
  k_flag_trace = 1U << 2,             ///< replies carry the time line
  k_flag_group_leader = 1U << 3,      ///< the caller leads its process group
  k_flag_session_leader = 1U << 4,    ///< the caller leads its session
  k_flag_target_attached = 1U << 6,   ///< the target was typed in its option's word: -mNAME, -cCODE
  k_flag_target_clustered = 1U << 7,  ///< -c or -m was typed in the word of the last option: -uc
  k_flag_shepherd = 1U << 8,     ///< a pseudo-terminal is with it: the worker's child is the job
  k_flag_tell_wishes = 1U << 9,  ///< the client reads its terminal only while the job wants input:
                                 ///< the shepherd tells when
  k_flag_in_place = 1U << 10,    ///< the client asks for an image to become the job itself; nothing
                                 ///< of its context that a process keeps is with it
};

/// Numbers in `Request::descriptors` that are not places in the job's table.
inline constexpr std::int32_t k_descriptor_cwd = -1;  ///< O_PATH descriptor of the caller's folder
inline constexpr std::int32_t k_descriptor_terminal = -2;  ///< the job's pseudo-terminal

/// The caller's whole context. The texts point into the bytes it was decoded from, or into memory
/// of whoever filled it; each is followed by a NUL byte there.
struct Request {
  ProgramKind kind = ProgramKind::script;
  std::uint32_t flags = 0;
  std::string_view target;
  std::vector<std::string_view> arguments;  ///< the words after the target: sys.argv[1:]
  std::vector<std::string_view>
      interpreter_options;                    ///< python's own options, as typed, before the target
  std::vector<std::string_view> environment;  ///< NAME=VALUE, in the caller's order, any bytes
  std::string_view
      report_name;       ///< abstract AF_UNIX datagram name for the early end report; may be empty
  std::string_view cwd;  ///< the path of the caller's folder, for the journal; empty if unknown

  std::uint32_t umask = 022;
  std::array<Limit, k_limit_count> limits{};
  std::int32_t nice = 0;
  std::int32_t scheduler = 0;           ///< SCHED_* of sched_getscheduler(2)
  std::int32_t scheduler_priority = 0;  ///< sched_priority
  std::int32_t oom_score_adjust = 0;    ///< -1000 … 1000
  std::int32_t personality = 0;
  std::string_view affinity;          ///< cpu_set_t bytes as sched_getaffinity(2) filled them; blob
  std::int32_t io_priority = -1;      ///< ioprio_get(2); -1: leave as it is
  std::uint64_t timer_slack = 0;      ///< nanoseconds, PR_GET_TIMERSLACK; 0: leave as it is
  std::int32_t session_keyring = 0;   ///< base::used_session_keyring(): must be the worker's
  std::int32_t coredump_filter = -1;  ///< /proc/self/coredump_filter; -1: leave as it is
  std::uint64_t ignored_signals = 0;  ///< bit n-1: signal n is SIG_IGN
  std::uint64_t blocked_signals = 0;  ///< bit n-1: signal n is blocked

  std::vector<std::int32_t> descriptors;  ///< for each descriptor sent along, its number in the job
};

/// Frame in front of a request: `k_magic`, version, number of descriptors, size of the body.
struct FrameHeader {
  std::array<char, 4> magic;
  std::uint16_t version;
  std::uint16_t reserved;
  std::uint32_t descriptor_count;
  std::uint32_t body_size;
};
inline constexpr std::array<char, 4> k_magic = {'\x7f', 'P', 'M', 'L'};
inline constexpr std::uint16_t k_version = 2;
inline constexpr std::uint32_t k_max_body = 8U
                                            << 20;  ///< bytes; ARG_MAX is 2 MiB for most, 6 at most
inline constexpr std::uint32_t k_max_descriptors = 65536;  ///< descriptors in one request

/// The body of a request.
[[nodiscard]] std::string encode(const Request& request);

/// The body with its FrameHeader in front.
[[nodiscard]] std::string encode_frame(const Request& request);

/// Reads a body. Nothing where it is not exactly one well-formed request.
[[nodiscard]] std::optional<Request> decode_request(std::string_view body);

}  // namespace pml::wire
