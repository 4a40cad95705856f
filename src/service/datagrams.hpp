#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/unique_fd.hpp"

namespace pml::service {

/// A datagram socket at an abstract address of its own, for what other processes of this user tell.
/// Who sent it is the kernel's word.
class Datagrams {
 public:
  /// False where no socket can be had.
  bool open();
  void close();
  [[nodiscard]] bool is_open() const noexcept { return socket_.valid(); }
  [[nodiscard]] base::BorrowedFd socket() const noexcept { return socket_.borrow(); }
  /// Without its leading NUL; empty where it is not open.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

  struct Datagram {
    std::size_t size = 0;
    pid_t sender = 0;
  };
  /// The next that waits; `buffer` takes its bytes. Those of other users, and longer ones, are
  /// skipped, some of them in each call. Never blocks.
  [[nodiscard]] std::optional<Datagram> receive(std::span<char> buffer);

 private:
  base::UniqueFd socket_;
  std::string address_;
};

}  // namespace pml::service
