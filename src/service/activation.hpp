#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace pml::service {

/// A failure with an exit status of its own (base/exit_status.hpp).
class StartFailure : public std::runtime_error {
 public:
  StartFailure(int status, const std::string& what) : std::runtime_error(what), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

/// The listening sockets that the service manager passed on: those named "pml", each checked to be
/// a listening AF_UNIX stream socket, non-blocking and close-on-exec. Takes the variables out of
/// the environment. Throws StartFailure.
[[nodiscard]] std::vector<base::UniqueFd> sockets_from_manager();

/// Accepts who waits at `sockets` and refuses each as Refusal::broken, because of `why`: they would
/// start the service again, to no better end.
void refuse_waiting(const std::vector<base::UniqueFd>& sockets, const std::string& why) noexcept;

/// A socket this process made itself, removed from the file system with this object.
class OwnSocket {
 public:
  OwnSocket() noexcept = default;
  /// Binds and listens on `path` with mode 0600, replacing a socket that nobody serves any more.
  /// Throws StartFailure, also where somebody does.
  explicit OwnSocket(const std::string& path);
  OwnSocket(const OwnSocket&) = delete;
  OwnSocket& operator=(const OwnSocket&) = delete;
  ~OwnSocket() { remove(); }

  [[nodiscard]] base::UniqueFd take() noexcept { return std::move(socket_); }
  /// Removes the file, if it still is the one that was made.
  void remove() noexcept;

 private:
  std::string path_;
  base::UniqueFd socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A file that holds this process's number, removed with this object.
class PidFile {
 public:
  PidFile() noexcept = default;
  /// Throws StartFailure.
  explicit PidFile(const std::string& path);
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() { remove(); }
  void remove() noexcept;

 private:
  std::string path_;
};

}  // namespace pml::service
