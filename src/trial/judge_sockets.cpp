// What calls that make sockets, or use them, tell.
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "trial/call_judge.hpp"

namespace pml::trial {

void CallJudge::look_at_sockets() {
  switch (rule_.look) {
    case Look::socket:
      if (number(0) == AF_UNIX || number(0) == AF_INET || number(0) == AF_INET6)
        become(Verdict::own, "makes a socket");
      return;
    case Look::bind:
      return bound();
    case Look::connect:
      return connected();
    case Look::socket_option:
      if (!is_standard(number(0))) become(Verdict::own, rule_.what);
      return;
    default:
      return;
  }
}

/// Many libraries try in this way whether there is IPv6.
void CallJudge::bound() {
  sockaddr_in6 address{};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(argument(2), sizeof address));
  if (!tracee_.read(argument(1), &address, size)) return;
  sockaddr_in old{};
  std::memcpy(&old, &address, sizeof old);
  const bool loopback = address.sin6_family == AF_INET6
                            ? IN6_IS_ADDR_LOOPBACK(&address.sin6_addr)
                            : old.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  const bool internet = address.sin6_family == AF_INET6 || address.sin6_family == AF_INET;
  if (internet && loopback && address.sin6_port == 0)
    become(Verdict::own, "takes an address of this machine's own");
}

/// The C library asks its cache of names, where there is one.
void CallJudge::connected() {
  sockaddr_un address{};
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(argument(2), sizeof address - 1));
  if (!tracee_.read(argument(1), &address, size) || address.sun_family != AF_UNIX) return;
  result_.path = address.sun_path;
  if (result_.path.starts_with('/') && !tracee_.target(result_.path)) {
    result_.find = Find::missing;
    become(Verdict::fact, "looks for a service");
  }
}

}  // namespace pml::trial
