#include "service/datagrams.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace pml::service {
namespace {

constexpr int k_bound = 64;  // of those that one call skips

/// Somebody who sends, and never waits.
class Sender {
 public:
  explicit Sender(const std::string& address)
      : socket_(base::k_adopt, ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path + 1, address.data(), address.size());
    EXPECT_EQ(
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address.size())),
        0);
  }
  [[nodiscard]] bool send(std::string_view bytes) const {
    return ::send(socket_.get(), bytes.data(), bytes.size(), 0) ==
           static_cast<ssize_t>(bytes.size());
  }
  void become_peer_of(base::BorrowedFd receiver) const {
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    socklen_t length = sizeof own;
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&own), sizeof own.sun_family), 0);
    ASSERT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &length), 0);
    ASSERT_EQ(::connect(receiver.get(), reinterpret_cast<sockaddr*>(&own), length), 0);
  }

 private:
  base::UniqueFd socket_;
};

class DatagramsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(datagrams_.open()); }

  /// The text that comes next; "nothing" where none does.
  std::string next() {
    std::array<char, 8> buffer{};
    const auto got = datagrams_.receive(buffer);
    sender_ = got ? got->sender : 0;
    return got ? std::string(buffer.data(), got->size) : "nothing";
  }

  Datagrams datagrams_;
  pid_t sender_ = 0;
};

TEST_F(DatagramsTest, ComeInTheirOrderAndTheKernelSaysWhoSentThem) {
  const Sender sender(datagrams_.address());
  ASSERT_TRUE(sender.send("one") && sender.send("two"));
  EXPECT_EQ(next(), "one");
  EXPECT_EQ(sender_, ::getpid());
  EXPECT_EQ(next(), "two");
  EXPECT_EQ(next(), "nothing");
}

TEST_F(DatagramsTest, LongerOnesAreSkipped) {
  const Sender sender(datagrams_.address());
  ASSERT_TRUE(sender.send("far too long") && sender.send("just so!") && sender.send(""));
  EXPECT_EQ(next(), "just so!");
  EXPECT_EQ(next(), "");
  EXPECT_NE(sender_, 0);
}

TEST_F(DatagramsTest, OneCallSkipsSoManyAndNoMore) {
  const Sender sender(datagrams_.address());
  // Of its peer the kernel keeps more unread than of others.
  sender.become_peer_of(datagrams_.socket());
  const auto send_too_long = [&](int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(sender.send("far too long")) << i;
  };
  send_too_long(k_bound - 1);
  ASSERT_TRUE(sender.send("one"));
  EXPECT_EQ(next(), "one");
  send_too_long(k_bound);
  ASSERT_TRUE(sender.send("two"));
  EXPECT_EQ(next(), "nothing");
  EXPECT_EQ(next(), "two");
}

TEST_F(DatagramsTest, AreGoneWithTheSocket) {
  EXPECT_TRUE(datagrams_.is_open());
  datagrams_.close();
  EXPECT_FALSE(datagrams_.is_open());
  EXPECT_EQ(datagrams_.address(), "");
}

TEST_F(DatagramsTest, OfAnotherUserAreSkipped) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr uid_t k_nobody = 65534;
  const Sender own(datagrams_.address());
  const pid_t child = ::fork();
  if (child == 0) {
    const Sender other(datagrams_.address());
    ::_exit(::setresuid(k_nobody, k_nobody, k_nobody) == 0 && other.send("theirs") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(own.send("own"));
  EXPECT_EQ(next(), "own");
  EXPECT_EQ(next(), "nothing");
}

}  // namespace
}  // namespace pml::service
