#include "service/client.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace {

using namespace pml;

struct Ends {
  service::Client here;
  base::UniqueFd there;
};

Ends connected() {
  std::array<int, 2> pair{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
  Ends ends;
  ends.here.connection = base::UniqueFd(base::k_adopt, pair[0]);
  ends.here.text = true;
  ends.there = base::UniqueFd(base::k_adopt, pair[1]);
  return ends;
}

/// Tells more than fits until the client is given up.
void overfill(service::Client& client) {
  const std::string line(4000, 'x');
  for (int i = 0; i < 1000; ++i) client.tell_line(line);
}

// A worker holds the same connection. If it were closed here, its watch would go on without it, and
// its number would belong to the next who comes.
TEST(Client, WhoDoesNotReadKeepsANumber) {
  Ends ends = connected();
  overfill(ends.here);
  EXPECT_TRUE(ends.here.connection.valid());
}

TEST(Client, WhoDoesNotReadSeesTheEnd) {
  Ends ends = connected();
  const base::UniqueFd worker(base::k_adopt, ::dup(ends.here.connection.get()));
  overfill(ends.here);
  std::array<char, 65536> bytes{};
  ssize_t size = 0;
  while ((size = ::read(ends.there.get(), bytes.data(), bytes.size())) > 0) {
  }
  EXPECT_EQ(size, 0);
}

TEST(Client, AWatchHearsThatItWasGivenUp) {
  Ends ends = connected();
  const base::UniqueFd epoll(base::k_adopt, ::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLIN, {}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, ends.here.connection.get(), &event), 0);
  overfill(ends.here);
  ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 1);
  EXPECT_NE(event.events & EPOLLHUP, 0U);
}

}  // namespace
