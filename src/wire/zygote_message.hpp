#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/request.hpp"

namespace pml::wire {

/// Service → zygote. One packet each on a SOCK_SEQPACKET pair.
enum class OrderKind : std::uint8_t {
  boot = 1,    ///< the first packet: what to preload
  fork = 2,    ///< value: how many workers to fork
  signal = 3,  ///< value: signal; target: pid; flag: 1 to the process group. Only if still unreaped
  leave = 4,   ///< reap what is there and exit; running jobs live on
  run_ahead = 5,  ///< instead of boot: run a program ahead. Carries a memfd with an ahead::Plan;
                  ///< what is ordered after it waits until the program has stopped
  image = 6,      ///< fork a process that writes an image of what a worker is
};
inline constexpr std::uint8_t k_last_order_kind = 6;

/// What to preload. Sent with OrderKind::boot.
struct Boot {
  std::vector<std::string_view> modules;     ///< imported once; a failure is worth a warning
  std::vector<std::string_view> optional;    ///< the same, absence not worth a warning
  std::vector<std::string_view> after_fork;  ///< imported in each idle worker
  std::vector<std::string_view> warmup;      ///< "module:function"
  std::vector<std::string_view> avoided;     ///< not to be imported; their files are to be named
  std::vector<std::string_view> pieces;      ///< what those import: first, and in silence
  std::vector<std::string_view> quirks;      ///< lines of config/quirks
  std::vector<std::string_view> heard;       ///< of compiled code, by the trial of the preloads
  /// Nothing is to be served: imports for a trial, tells `tried` and waits to be ended.
  bool trial = false;
  /// Abstract datagram address that jobs tell at their end what they imported that was not
  /// preloaded; empty: nobody asks.
  std::string_view imports_to;
};

struct Order {
  OrderKind kind = OrderKind::fork;
  std::int32_t value = 0;
  std::int32_t target = 0;
  std::int32_t flag = 0;
  Boot boot;
};

/// Zygote → service. One packet each; `worker` carries the worker's link as its one descriptor.
enum class EventKind : std::uint8_t {
  preloading = 1,  ///< name: the module whose import begins
  preloaded = 2,   ///< name; value: microseconds it took. Without a name: more of `files`, which
                   ///< one packet could not hold with `warm`
  preload_failed = 3,   ///< name; text: the traceback; value: 1 where it was optional and absent
  preload_warning = 4,  ///< name; text: what it left behind that no fork takes along (threads,
                        ///< sockets), in one sentence. The zygote is of no use with it
  warm = 5,    ///< value: number of modules; files: all that the interpreter and its preloads came
               ///< from, and patterns of what would make a fresh one another
  worker = 6,  ///< pid of an idle, rehearsed worker; carries its link
  fork_failed = 7,  ///< value: errno
  exited = 8,       ///< pid; value: wait status as waitpid(2) gives it; cpu_usec, max_rss_kib
  stopped = 9,      ///< pid; value: wait status (WIFSTOPPED)
  continued = 10,   ///< pid
  unfit = 11,       ///< instead of everything else: pml has no module for this interpreter (value:
                    ///< 0, text: why not), or the one there is does not fit it (1, text: how);
                    ///< name: its ABI, as "cpython-312-x86_64-linux-gnu"
  not_shared = 12,  ///< name: a module that programs cannot share; text: why
  start_over = 13,  ///< files: modules that this zygote should not have imported, as avoided; text:
                    ///< the pieces, one a line; value: 1 with the last part of it all
  ahead = 14,       ///< the program has stopped, workers can be forked; carries a memfd with an
                    ///< ahead::Report
  not_ahead = 15,   ///< instead of it: the program does not run ahead, and the process leaves;
                    ///< text: why; name: where not empty, the module before whose import the
                    ///< template has to stop next time (ahead::Plan::template_stops)
  tried = 16,       ///< files: as with `warm`; the trial is over
  shared = 17,      ///< files: names of modules that jobs share, some of them; before `warm`
  imager = 18,      ///< pid of a process that writes an image; carries its link, as with `worker`
};
inline constexpr std::uint8_t k_last_event_kind = 18;

struct Event {
  EventKind kind = EventKind::warm;
  std::int32_t pid = 0;
  std::int32_t value = 0;
  std::uint64_t cpu_usec = 0;
  std::uint64_t max_rss_kib = 0;
  std::string_view name;
  std::string_view text;
  std::vector<std::string_view> files;
};

/// Worker → service, packets on the worker's link: that it is ready for a job, and before the link
/// is closed what became of the one it was handed.
enum class VerdictKind : std::uint8_t {
  accepted = 1,  ///< the client was told `started`; the program begins
  declined = 2,  ///< value: a Refusal; the client was told `refused`
  rehearsed = 3,
  ahead = 4,    ///< instead of rehearsed: the worker has run ahead to its stop and waits for its
                ///< job; carries a memfd with an ahead::Report
  differs = 5,  ///< text: what; the client was told `retry`, as only the worker could see that its
                ///< caller is not served by what ran ahead
  not_ahead = 6,  ///< instead of ahead: the worker leaves; text: why
  ended = 7,   ///< the job has ended, value: wait status; cpu_usec, max_rss_kib. Of a shepherd that
               ///< lives on for what the job has left on its terminal
  imaged = 8,  ///< of an imager, all that it says: carries the image
  not_imaged = 9,  ///< instead of it; text: why
};
inline constexpr std::uint8_t k_last_verdict_kind = 9;
struct Verdict {
  VerdictKind kind = VerdictKind::accepted;
  std::int32_t value = 0;
  std::string_view text;  ///< detail of a refusal
  std::uint64_t cpu_usec = 0;
  std::uint64_t max_rss_kib = 0;
  std::string_view misled = {};    ///< of a refusal: the preload that is not this caller's
  std::string_view variable = {};  ///< NAME or NAME=VALUE: what it read, as the caller has it
};

/// Service → worker: in front of the request's body, on the worker's SOCK_SEQPACKET link. The first
/// packet holds this header and, where `in_memory` is 0, the body; its first descriptor is the
/// client's connection, the second, where `in_memory` is 1, a memfd that holds the body; then come
/// the request's own, at most k_descriptors_a_packet a packet, further packets holding one byte.
///
/// Of a worker that ran ahead to its arguments, instead of its job: those that it goes on with,
/// behind a header with `arguments_only` 1 and without descriptors (send_arguments()).
struct JobHeader {
  std::uint32_t body_size = 0;
  std::uint32_t descriptor_count = 0;  ///< of the request's own
  std::uint32_t in_memory = 0;
  std::uint32_t arguments_only = 0;
};
inline constexpr std::uint32_t k_descriptors_a_packet = 250;  ///< the kernel's SCM_MAX_FD is 253
inline constexpr std::uint32_t k_max_inline_body = 64U << 10;

/// A preload list can be long; one packet holds at most this many bytes.
inline constexpr std::uint32_t k_max_packet = 160U << 10;

[[nodiscard]] std::string encode(const Order& order);
[[nodiscard]] std::optional<Order> decode_order(std::string_view packet);
[[nodiscard]] std::string encode(const Event& event);
[[nodiscard]] std::optional<Event> decode_event(std::string_view packet);
[[nodiscard]] std::string encode(const Verdict& verdict);
[[nodiscard]] std::optional<Verdict> decode_verdict(std::string_view packet);

}  // namespace pml::wire
