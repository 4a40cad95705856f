#include "client/connection.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "wire/channel.hpp"
#include "wire/zygote_message.hpp"

namespace pml::client {

namespace {

constexpr std::size_t k_first_buffer = 1024;

}  // namespace

base::UniqueFd above_standard(int fd) noexcept {
  base::UniqueFd owned(base::k_adopt, fd);
  return fd < 0 || fd > 2 ? std::move(owned) : base::duplicate(owned.borrow(), 3);
}

std::optional<Reason> Connection::open(std::string_view path) {
  filled_ = taken_ = 0;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return reasons::no_service(std::string(path), ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  socket_ = above_standard(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.valid()) return reasons::no_service("socket", errno);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN) return reasons::busy();
    return reasons::no_service(std::string(path), errno);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      peer.uid != ::geteuid())
    return reasons::other_owner();
  return std::nullopt;
}

int Connection::send(std::string_view& frame, std::span<const int>& descriptors) noexcept {
  while (!frame.empty()) {
    const auto batch =
        descriptors.first(std::min<std::size_t>(descriptors.size(), wire::k_descriptors_a_packet));
    // Where more descriptors follow they need bytes of their own to travel on.
    const bool last = batch.size() == descriptors.size();
    const long sent =
        wire::send_some(socket(), last ? frame : frame.substr(0, 1), batch, MSG_DONTWAIT);
    if (sent < 0) return static_cast<int>(-sent);
    descriptors = descriptors.subspan(batch.size());
    frame.remove_prefix(static_cast<std::size_t>(sent));
  }
  return 0;
}

Reading Connection::receive() {
  if (taken_ == filled_) taken_ = filled_ = 0;
  if (buffer_.size() - filled_ < k_first_buffer) buffer_.resize(filled_ + k_first_buffer);
  wire::Received got = wire::receive(socket(), std::span(buffer_).subspan(filled_), MSG_DONTWAIT);
  if (got.error != 0)
    return got.error == EAGAIN || got.error == EINTR ? Reading::none : Reading::closed;
  for (base::UniqueFd& descriptor : got.descriptors)
    descriptor_ = above_standard(descriptor.release());
  filled_ += got.size;
  return got.size == 0 ? Reading::closed : Reading::reply;
}

Reading Connection::take_frame(wire::Reply& reply) {
  std::uint32_t size = 0;
  if (filled_ - taken_ < sizeof size) return Reading::none;
  std::memcpy(&size, buffer_.data() + taken_, sizeof size);
  if (size > wire::k_max_reply) return Reading::garbage;
  if (filled_ - taken_ < sizeof size + size) return Reading::none;
  const auto decoded = wire::decode_reply({buffer_.data() + taken_ + sizeof size, size});
  if (!decoded) return Reading::garbage;
  taken_ += sizeof size + size;
  reply = *decoded;
  return Reading::reply;
}

Reading Connection::next_reply(wire::Reply& reply) {
  for (;;) {
    const Reading taken = take_frame(reply);
    if (taken != Reading::none) return taken;
    const Reading received = receive();
    if (received != Reading::reply) return received;
  }
}

void Connection::refuse_more() noexcept {
  ::shutdown(socket_.get(), SHUT_RD);
}

bool Connection::send_signal(int signal, bool whole_group) noexcept {
  const wire::ClientSignal message{signal, whole_group ? 1 : 0};
  const std::string_view bytes(reinterpret_cast<const char*>(&message), sizeof message);
  return wire::send_some(socket(), bytes, {}, MSG_DONTWAIT) == static_cast<long>(bytes.size());
}

bool ReportSocket::open() noexcept {
  socket_ = above_standard(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof address;
  if (!socket_.valid() ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0 ||
      ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) !=
          0 ||
      ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return false;
  name_size_ = size - sizeof address.sun_family - 1;
  std::memcpy(name_, address.sun_path + 1, name_size_);
  return true;
}

std::optional<int> ReportSocket::read(int pid) noexcept {
  char body[256];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  iovec part{body, sizeof body};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* item = CMSG_FIRSTHDR(&message);
  if (size <= 0 || item == nullptr || item->cmsg_type != SCM_CREDENTIALS) return std::nullopt;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
  if (sender.pid != pid || sender.uid != ::geteuid()) return std::nullopt;
  const auto reply = wire::decode_reply({body, static_cast<std::size_t>(size)});
  if (!reply || reply->kind != wire::ReplyKind::exited) return std::nullopt;
  return reply->value;
}

}  // namespace pml::client
