#include "service/late_imports.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "profile/words.hpp"

namespace pml::service {

namespace {

constexpr std::size_t k_most_bytes = 64U << 10;  // more than a job sends
constexpr std::size_t k_most_names = 4096;
constexpr std::size_t k_longest_name = 200;
constexpr int k_most_at_once = 64;

/// The sender is of this user, by the kernel's word.
bool is_own(const msghdr& message) {
  for (const cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(item)))
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS)
      return reinterpret_cast<const ucred*>(CMSG_DATA(item))->uid == ::geteuid();
  return false;
}

}  // namespace

void LateImports::open() {
  if (listening()) return;
  base::UniqueFd socket(base::k_adopt,
                        ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Without a path the kernel picks a free abstract address.
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  socklen_t length = sizeof own.sun_family;
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&own), length) != 0) return;
  length = sizeof own;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0) return;
  constexpr std::size_t head = offsetof(sockaddr_un, sun_path) + 1;
  address_.assign(own.sun_path + 1, length > head ? length - head : 0);
  socket_ = std::move(socket);
  watch_ = event::Io(loop_, socket_.borrow(), EPOLLIN, [this](std::uint32_t) { readable(); });
  watch_.set_priority(event::k_priority_last);
}

void LateImports::close() {
  watch_.reset();
  socket_.reset();
  address_.clear();
}

void LateImports::readable() {
  static std::vector<char> buffer(k_most_bytes);
  for (int i = 0; i < k_most_at_once; ++i) {
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    // Descriptors that somebody attached do not fit, and the kernel closes them.
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (size < 0) return;
    if ((message.msg_flags & MSG_TRUNC) == 0 && is_own(message))
      take(buffer.data(), static_cast<std::size_t>(size));
  }
}

void LateImports::take(const char* bytes, std::size_t size) {
  std::string_view text(bytes, size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.size() > k_longest_name || !profile::is_dotted_name(name)) continue;
    const auto [place, fresh] = places_.try_emplace(std::string(name), counts_.size());
    if (!fresh)
      ++counts_[place->second].jobs;
    else if (counts_.size() < k_most_names)
      counts_.push_back({place->first, 1});
    else
      places_.erase(place);
  }
}

}  // namespace pml::service
