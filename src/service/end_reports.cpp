#include "service/end_reports.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "wire/reply.hpp"

namespace pml::service {

EndReports::EndReports(event::Loop& loop, std::function<void(int, int)> told)
    : told_(std::move(told)) {
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
    return;
  constexpr std::size_t k_head = offsetof(sockaddr_un, sun_path) + 1;
  address_.assign(own.sun_path + 1, length > k_head ? length - k_head : 0);
  socket_ = std::move(socket);
  watch_ = event::Io(loop, socket_.borrow(), EPOLLIN, [this](std::uint32_t) { read(); });
}

void EndReports::read() {
  while (read_one()) {
  }
}

bool EndReports::read_one() {
  char body[256];
  iovec part{body, sizeof body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  // Descriptors that somebody attached do not fit, and the kernel closes them.
  const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return false;
  const cmsghdr* const item = CMSG_FIRSTHDR(&message);
  if (item == nullptr || item->cmsg_type != SCM_CREDENTIALS) return true;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
  const auto reply = wire::decode_reply({body, static_cast<std::size_t>(size)});
  if (sender.uid == ::geteuid() && reply && reply->kind == wire::ReplyKind::exited)
    told_(sender.pid, reply->value);
  return true;
}

}  // namespace pml::service
