#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "client/reason.hpp"
#include "wire/reply.hpp"

namespace pml::client {

/// What reading a reply came to.
enum class Reading {
  reply,   ///< there is one
  none,    ///< not now
  closed,  ///< the other end is gone
  garbage  ///< what came is no reply
};

/// The client's end of the connection to the service. Never blocks, never raises SIGPIPE.
class Connection {
 public:
  /// Connects to the socket at `path`, which must belong to this process's effective user. A
  /// reason where that fails.
  [[nodiscard]] std::optional<Reason> open(std::string_view path);

  [[nodiscard]] base::BorrowedFd socket() const noexcept { return socket_.borrow(); }

  /// Sends what it can of a frame whose first bytes carry `descriptors`; both are shortened by what
  /// is sent. Returns 0, EAGAIN where the rest must wait, or an errno value.
  [[nodiscard]] int send(std::string_view& frame, std::span<const int>& descriptors) noexcept;

  /// Reads the next reply. Its texts hold until the next call.
  [[nodiscard]] Reading next_reply(wire::Reply& reply);

  /// Whether bytes were received that next_reply() has not returned yet.
  [[nodiscard]] bool has_buffered() const noexcept { return taken_ < filled_; }

  /// The descriptor that came with a reply, if one did.
  [[nodiscard]] base::UniqueFd take_descriptor() noexcept { return std::move(descriptor_); }

  /// From now on the other end cannot send; what it has sent can still be read. A worker that has
  /// not said `started` yet will not run the program.
  void refuse_more() noexcept;

  /// Passes a signal on. False where the service cannot be told.
  [[nodiscard]] bool send_signal(int signal, bool whole_group) noexcept;

 private:
  Reading receive();
  Reading take_frame(wire::Reply& reply);

  base::UniqueFd socket_;
  base::UniqueFd descriptor_;
  std::vector<char> buffer_;
  std::size_t filled_ = 0;
  std::size_t taken_ = 0;
};

/// The datagram socket on which a worker reports a normal end ahead of the service.
class ReportSocket {
 public:
  /// Makes the socket under a name that the kernel chooses. False, with errno set, on failure.
  [[nodiscard]] bool open() noexcept;
  [[nodiscard]] base::BorrowedFd socket() const noexcept { return socket_.borrow(); }
  /// The abstract name, without the leading NUL.
  [[nodiscard]] std::string_view name() const noexcept { return {name_, name_size_}; }
  /// Reads one report. The exit status, where the process `pid` of this user sent one.
  [[nodiscard]] std::optional<int> read(int pid) noexcept;

 private:
  base::UniqueFd socket_;
  char name_[108] = {};
  std::size_t name_size_ = 0;
};

/// Moves a descriptor that pml has made above the standard ones, which may be closed here and are
/// not pml's to fill.
[[nodiscard]] base::UniqueFd above_standard(int fd) noexcept;

}  // namespace pml::client
