#include "service/datagrams.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace pml::service {

namespace {

/// Others may send faster than this is read.
constexpr int k_most_skipped = 64;

}  // namespace

bool Datagrams::open() {
  base::UniqueFd socket(base::k_adopt,
                        ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Without a path the kernel picks a free abstract address.
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  socklen_t length = sizeof own;
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&own), sizeof own.sun_family) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0)
    return false;
  constexpr std::size_t k_head = offsetof(sockaddr_un, sun_path) + 1;
  address_.assign(own.sun_path + 1, length > k_head ? length - k_head : 0);
  socket_ = std::move(socket);
  return true;
}

void Datagrams::close() {
  socket_.reset();
  address_.clear();
}

std::optional<Datagrams::Datagram> Datagrams::receive(std::span<char> buffer) {
  for (int skipped = 0; skipped < k_most_skipped; ++skipped) {
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    // Descriptors that somebody attached do not fit, and the kernel closes them.
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    const cmsghdr* const item = CMSG_FIRSTHDR(&message);
    if ((message.msg_flags & MSG_TRUNC) != 0 || item == nullptr || item->cmsg_level != SOL_SOCKET ||
        item->cmsg_type != SCM_CREDENTIALS)
      continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
    if (sender.uid == ::geteuid()) return Datagram{static_cast<std::size_t>(size), sender.pid};
  }
  return std::nullopt;
}

}  // namespace pml::service
