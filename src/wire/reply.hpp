#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pml::wire {

/// What service and worker tell a client. On the connection each is a frame: 32-bit size, then the
/// body; in the end report (a datagram) it is the body alone.
enum class ReplyKind : std::uint8_t {
  started = 1,    ///< value: pid of the job. From here on the program has begun; sent by the worker
  exited = 2,     ///< value: exit status. From the service, or early from the worker by datagram
  killed = 3,     ///< value: signal. The job was ended by it
  stopped = 4,    ///< value: signal. The job was stopped by it
  continued = 5,  ///< the job goes on
  refused = 6,    ///< value: a Refusal. Nothing was run and nothing will be
  retry = 7,      ///< the worker was lost before it began: send the same request again
  in_place = 8,   ///< carries an image::Header's memfd: the client becomes the job; text: abstract
                  ///< datagram address to which the job tells its end
  by_worker = 9,  ///< not in place, text: why. Ask once more, for a worker
};
inline constexpr std::uint8_t k_last_reply_kind = 9;

/// Why a request is not served warm. Each has a name and a sentence; numbers are wire format.
enum class Refusal : std::int32_t {
  warming_up = 1,       ///< the pool is not ready yet
  overloaded = 2,       ///< the queue is full
  stopping = 3,         ///< the service is being stopped
  protocol = 4,         ///< another version of the protocol
  malformed = 5,        ///< the request is not well-formed
  other_user = 6,       ///< the peer's uid, gid or groups differ
  other_namespace = 7,  ///< the peer is in other namespaces
  confined = 8,         ///< seccomp, no_new_privs or fewer capabilities
  traced = 9,           ///< the peer is being traced
  option = 10,          ///< an interpreter option that cannot change after start
  environment = 11,     ///< a variable that acts at start or was read at import
  shadowed = 12,        ///< a file would win over a preloaded module
  context = 13,         ///< a part of the caller's context could not be applied
  stale = 14,           ///< a preloaded file changed; a new pool is on its way
  broken = 15,          ///< the profile or the interpreter is broken
  terminal = 16,        ///< the terminal cannot be handed over
};
inline constexpr std::int32_t k_last_refusal = 16;

/// A short name such as "warming-up", used in traces and counts.
[[nodiscard]] std::string_view name_of(Refusal refusal) noexcept;
/// One sentence without a full stop.
[[nodiscard]] std::string_view sentence_of(Refusal refusal) noexcept;

struct Reply {
  ReplyKind kind = ReplyKind::refused;
  std::int32_t value = 0;
  std::string_view text;         ///< detail of a refusal, or the time line of a traced launch
  std::string_view interpreter;  ///< with a refusal: the profile's python3, to be executed instead
};

[[nodiscard]] std::string encode(const Reply& reply);
/// `encode` with the 32-bit size in front.
[[nodiscard]] std::string encode_frame(const Reply& reply);
/// Reads a body; nothing where it is not exactly one reply. Texts point into `body`.
[[nodiscard]] std::optional<Reply> decode_reply(std::string_view body);

/// What a client may say after its request: pass a signal on to its job. A fixed-size frame.
struct ClientSignal {
  std::int32_t signal = 0;       ///< k_end_seen: none, the client knows how the job ended
  std::int32_t whole_group = 0;  ///< 1: to the job's process group; 0: to the job alone
};

inline constexpr std::int32_t k_end_seen = 0;
/// Said by a process that was restored, instead of a signal: the program begins; or python3 is
/// executed in its place, `whole_group` is the Refusal.
inline constexpr std::int32_t k_in_place_begins = -1;
inline constexpr std::int32_t k_in_place_declined = -2;
inline constexpr std::uint32_t k_max_reply = 64U << 10;  ///< bytes of one reply's body

}  // namespace pml::wire
