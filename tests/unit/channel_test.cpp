#include "wire/channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "wire/request.hpp"
#include "wire/zygote_message.hpp"

namespace pml::wire {
namespace {

/// As the client does, which has no C library.
int send_request(base::BorrowedFd socket, std::string_view body, std::span<const int> descriptors) {
  FrameHeader header{k_magic, k_version, 0, static_cast<std::uint32_t>(descriptors.size()),
                     static_cast<std::uint32_t>(body.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(body);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const auto batch =
        descriptors.first(std::min<std::size_t>(descriptors.size(), k_descriptors_a_packet));
    descriptors = descriptors.subspan(batch.size());
    // More descriptors to come ride on later bytes, one byte a batch.
    const long sent = send_some(socket, descriptors.empty() ? rest : rest.substr(0, 1), batch);
    if (sent < 0) return static_cast<int>(sent);
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return descriptors.empty() ? 0 : -E2BIG;
}

struct Pair {
  explicit Pair(int type) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    left = base::UniqueFd(base::k_adopt, ends[0]);
    right = base::UniqueFd(base::k_adopt, ends[1]);
  }
  base::UniqueFd left;
  base::UniqueFd right;
};

/// `count` numbers that are all the same open file.
std::vector<int> many(const base::UniqueFd& fd, std::size_t count) {
  return std::vector<int>(count, fd.get());
}

/// Reads a whole frame, whatever pieces it comes in, and counts what came with it.
struct Frame {
  FrameHeader header{};
  std::string body;
  std::size_t descriptors = 0;
};
Frame read_frame(base::BorrowedFd socket) {
  Frame frame;
  std::string bytes;
  std::string buffer(4096, '\0');
  for (;;) {
    Received part = receive(socket, buffer);
    EXPECT_EQ(part.error, 0);
    EXPECT_FALSE(part.truncated);
    if (part.size == 0) break;
    bytes.append(buffer, 0, part.size);
    frame.descriptors += part.descriptors.size();
    if (bytes.size() < sizeof frame.header) continue;
    std::memcpy(&frame.header, bytes.data(), sizeof frame.header);
    if (bytes.size() >= sizeof frame.header + frame.header.body_size) break;
  }
  frame.body = bytes.substr(std::min(bytes.size(), sizeof frame.header));
  return frame;
}

TEST(Channel, RequestsOfAnySizeAndAnyNumberOfDescriptorsArrive) {
  const base::UniqueFd file(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (std::size_t count : {0U, 1U, 3U, 249U, 250U, 251U, 500U, 901U}) {
    for (std::size_t size : {1000U, 100000U, 3000000U}) {
      Pair pair(SOCK_STREAM);
      const std::string body(size, 'b');
      std::thread sender(
          [&] { EXPECT_EQ(send_request(pair.left.borrow(), body, many(file, count)), 0); });
      const Frame frame = read_frame(pair.right.borrow());
      sender.join();
      EXPECT_EQ(frame.header.magic, k_magic);
      EXPECT_EQ(frame.header.version, k_version);
      EXPECT_EQ(frame.header.descriptor_count, count);
      EXPECT_EQ(frame.descriptors, count);
      EXPECT_EQ(frame.body, body);
    }
  }
}

TEST(Channel, JobsOfAnySizeAndAnyNumberOfDescriptorsArrive) {
  const base::UniqueFd file(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Pair client(SOCK_STREAM);
  for (std::size_t count : {0U, 1U, 250U, 251U, 700U}) {
    for (std::size_t size : {0U, 10U, 65536U, 65537U, 3000000U}) {
      Pair link(SOCK_SEQPACKET);
      const std::string body(size, 'j');
      ASSERT_EQ(send_job(link.left.borrow(), body, client.left.get(), many(file, count)), 0);
      auto job = receive_job(link.right.borrow());
      ASSERT_TRUE(job) << count << " descriptors, " << size << " bytes";
      EXPECT_EQ(job->body, body);
      EXPECT_TRUE(job->connection.valid());
      EXPECT_EQ(job->descriptors.size(), count);
    }
  }
}

TEST(Channel, ReceivedDescriptorsCloseOnExec) {
  const base::UniqueFd file(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Pair link(SOCK_SEQPACKET);
  ASSERT_EQ(send_job(link.left.borrow(), "x", file.get(), many(file, 2)), 0);
  auto job = receive_job(link.right.borrow());
  ASSERT_TRUE(job);
  for (const auto& fd : job->descriptors) EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(job->connection.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Channel, AClosedLinkIsNoJob) {
  Pair link(SOCK_SEQPACKET);
  link.left.reset();
  EXPECT_FALSE(receive_job(link.right.borrow()));
}

TEST(Channel, GarbageIsNoJob) {
  const base::UniqueFd file(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int numbers[] = {file.get()};
  const JobHeader too_long{k_max_body + 1, 0, 0, 0};
  const JobHeader too_many{0, k_max_descriptors + 1, 0, 0};
  const JobHeader no_memory{5, 0, 1, 0};
  const JobHeader odd_memory{0, 0, 7, 0};
  const JobHeader short_body{100, 0, 0, 0};
  for (const JobHeader& header : {too_long, too_many, no_memory, odd_memory, short_body}) {
    Pair link(SOCK_SEQPACKET);
    const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof header);
    ASSERT_GT(send_some(link.left.borrow(), bytes, numbers), 0);
    link.left.reset();
    EXPECT_FALSE(receive_job(link.right.borrow()));
  }
  for (std::string_view bytes : {"", "x", "0123456789abcde"}) {
    Pair link(SOCK_SEQPACKET);
    ASSERT_GE(send_some(link.left.borrow(), bytes, numbers), 0);
    link.left.reset();
    EXPECT_FALSE(receive_job(link.right.borrow()));
  }
}

TEST(Channel, NothingToReadIsAnErrorOfItsOwn) {
  Pair pair(SOCK_STREAM);
  char byte = 0;
  EXPECT_EQ(receive(pair.left.borrow(), std::span(&byte, 1), MSG_DONTWAIT).error, EAGAIN);
}

TEST(Channel, SendingToNobodyIsEpipeAndNoSignal) {
  Pair pair(SOCK_STREAM);
  pair.right.reset();
  EXPECT_EQ(send_some(pair.left.borrow(), "x"), -EPIPE);
  EXPECT_EQ(send_request(pair.left.borrow(), "body", {}), -EPIPE);
}

}  // namespace
}  // namespace pml::wire
