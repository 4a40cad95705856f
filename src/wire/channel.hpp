#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::wire {

/// What one receive call brought.
struct Received {
  std::size_t size = 0;                     ///< bytes; 0 with `error` 0 is the end of the stream
  std::vector<base::UniqueFd> descriptors;  ///< close-on-exec, owned by the receiver
  int error = 0;                            ///< errno, EAGAIN where nothing was there
  bool truncated = false;                   ///< descriptors or a packet's bytes were lost
};

/// One recvmsg(2) into `buffer`; MSG_CMSG_CLOEXEC always, `flags` in addition. Retries on EINTR.
[[nodiscard]] Received receive(base::BorrowedFd socket, std::span<char> buffer, int flags = 0);

/// One sendmsg(2) of `bytes` with at most k_descriptors_a_packet + 2 descriptors; MSG_NOSIGNAL
/// always. Returns the bytes sent, or -errno. Retries on EINTR.
[[nodiscard]] long send_some(base::BorrowedFd socket, std::string_view bytes,
                             std::span<const int> descriptors = {}, int flags = 0) noexcept;

/// Hands a job to a worker over its link, never blocking. `connection` is the client's. Returns 0
/// or -errno; after a failure the worker must be given up.
[[nodiscard]] int send_job(base::BorrowedFd link, std::string_view body, int connection,
                           std::span<const int> descriptors);

/// The words behind sys.argv[0], as send_arguments() and ahead::Report have them.
[[nodiscard]] std::string encode_arguments(const std::vector<std::string_view>& arguments);
/// They point into `bytes`. Nothing where those are none.
[[nodiscard]] std::optional<std::vector<std::string_view>> decode_arguments(std::string_view bytes);

/// Has a worker that stopped before its arguments go on with these, never blocking. Returns 0 or
/// -errno; after a failure the worker must be given up. `arguments`: at most k_max_inline_body.
[[nodiscard]] int send_arguments(base::BorrowedFd link, std::string_view arguments);

/// A job as a worker receives it.
struct Job {
  bool arguments_only = false;  ///< none; `body` is what send_arguments() was given
  std::string body;
  base::UniqueFd connection;
  std::vector<base::UniqueFd> descriptors;
};

/// Waits for a job on a worker's link. Nothing where the link was closed or what came was no job.
[[nodiscard]] std::optional<Job> receive_job(base::BorrowedFd link);

}  // namespace pml::wire
