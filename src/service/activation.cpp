#include "service/activation.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/exit_status.hpp"
#include "service/client.hpp"

namespace pml::service {

namespace {

constexpr const char* k_name = "pml";
constexpr int k_backlog = 4096;

[[noreturn]] void fail(const std::string& what, int error) {
  throw StartFailure(base::k_exit_cant_create, what + ": " + std::strerror(error));
}

/// Holds the folder's lock: two services that start at once must not replace each other's socket.
base::UniqueFd lock_folder(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  base::UniqueFd lock(base::k_adopt, ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) fail("cannot open the folder " + folder, errno);
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail("cannot lock the folder " + folder, errno);
  return lock;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    throw StartFailure(base::k_exit_cant_create,
                       "the socket's path is too long for the kernel: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

base::UniqueFd stream_socket() {
  base::UniqueFd socket(base::k_adopt,
                        ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) fail("cannot make a socket", errno);
  return socket;
}

void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode))
    throw StartFailure(base::k_exit_cant_create, path + " exists and is not a socket");
  const base::UniqueFd probe = stream_socket();
  const int result =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (result == 0 || errno != ECONNREFUSED)
    throw StartFailure(base::k_exit_cant_create, path + " is served by another process");
  if (::unlink(path.c_str()) != 0) fail("cannot replace " + path, errno);
}

base::UniqueFd checked(int number) {
  base::UniqueFd socket(base::k_adopt, number);
  if (sd_is_socket_unix(number, SOCK_STREAM, 1, nullptr, 0) <= 0)
    throw StartFailure(base::k_exit_config,
                       "descriptor " + std::to_string(number) +
                           " from the service manager is no listening AF_UNIX stream socket");
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
  return socket;
}

}  // namespace

std::vector<base::UniqueFd> sockets_from_manager() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  std::vector<base::UniqueFd> sockets;
  for (int i = 0; i < count; ++i) {
    const std::string name = names[i];
    std::free(names[i]);
    if (name == k_name)
      sockets.push_back(checked(SD_LISTEN_FDS_START + i));
    else
      base::close_number(SD_LISTEN_FDS_START + i);
  }
  std::free(names);
  if (count > 0 && sockets.empty())
    throw StartFailure(base::k_exit_config,
                       "none of the service manager's descriptors is named \"pml\"");
  return sockets;
}

void refuse_waiting(const std::vector<base::UniqueFd>& sockets, const std::string& why) noexcept {
  wire::Reply reply;
  reply.kind = wire::ReplyKind::refused;
  reply.value = static_cast<std::int32_t>(wire::Refusal::broken);
  reply.text = why;
  for (const base::UniqueFd& socket : sockets)
    for (;;) {
      Client client;
      client.connection = base::UniqueFd(
          base::k_adopt, ::accept4(socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.connection.valid()) break;
      char first = wire::k_magic[0];
      static_cast<void>(::recv(client.connection.get(), &first, 1, MSG_PEEK));
      client.text = first != wire::k_magic[0];
      client.tell(reply);
    }
}

OwnSocket::OwnSocket(const std::string& path) {
  const sockaddr_un address = address_of(path);
  const base::UniqueFd lock = lock_folder(path);
  remove_stale(path, address);
  socket_ = stream_socket();
  // The mode must be right from the first moment.
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) fail("cannot bind " + path, error);
  path_ = path;
  struct stat info = {};
  if (::lstat(path.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
  if (::listen(socket_.get(), k_backlog) != 0) fail("cannot listen on " + path, errno);
}

void OwnSocket::remove() noexcept {
  struct stat info = {};
  if (!path_.empty() && ::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

PidFile::PidFile(const std::string& path) {
  const base::UniqueFd file(base::k_adopt,
                            ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) fail("cannot write " + path, errno);
  path_ = path;
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail("cannot write " + path, errno);
}

void PidFile::remove() noexcept {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace pml::service
