#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace pml::base {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}
UniqueFd open_null() {
  return {k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC)};
}

TEST(UniqueFd, ClosesWhenItGoes) {
  int number = -1;
  {
    const UniqueFd fd = open_null();
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, MovesWithoutClosing) {
  UniqueFd first = open_null();
  const int number = first.get();
  UniqueFd second = std::move(first);
  EXPECT_EQ(second.get(), number);
  EXPECT_TRUE(is_open(number));
  second = open_null();
  EXPECT_NE(second.get(), -1);
}

TEST(UniqueFd, ReleaseGivesTheNumberAway) {
  UniqueFd fd = open_null();
  const int number = fd.release();
  EXPECT_FALSE(fd.valid());
  EXPECT_TRUE(is_open(number));
  close_number(number);
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, ResetKeepsErrno) {
  UniqueFd fd = open_null();
  errno = ENOTTY;
  fd.reset();
  EXPECT_EQ(errno, ENOTTY);
}

TEST(UniqueFd, CopiesCloseOnExecAndPlacedOnesDoNot) {
  const UniqueFd fd = open_null();
  const UniqueFd copy = duplicate(fd.borrow(), 100);
  ASSERT_TRUE(copy.valid());
  EXPECT_GE(copy.get(), 100);
  EXPECT_NE(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(place(fd.borrow(), 150));
  EXPECT_EQ(::fcntl(150, F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(place(copy.borrow(), copy.get())) << "onto its own number";
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, 0);
  close_between(150, 150);
  EXPECT_FALSE(is_open(150));
}

TEST(UniqueFd, CloseAllButKeepsWhatItIsTold) {
  for (const int number : {300, 301, 302, 303, 304}) ASSERT_TRUE(place(BorrowedFd(0), number));
  std::vector<int> kept;
  for (int number = 0; number < 300; ++number) kept.push_back(number);
  kept.insert(kept.end(), {303, -1, 301, 301});
  close_all_but(kept, 303);
  EXPECT_FALSE(is_open(300));
  EXPECT_TRUE(is_open(301));
  EXPECT_FALSE(is_open(302));
  EXPECT_TRUE(is_open(303));
  EXPECT_TRUE(is_open(304));
  close_between(301, 304);
}

TEST(UniqueFd, CloseBetweenClosesBothEnds) {
  const UniqueFd fd = open_null();
  for (int number : {200, 201, 203}) ASSERT_TRUE(place(fd.borrow(), number));
  close_between(200, 201);
  EXPECT_FALSE(is_open(200));
  EXPECT_FALSE(is_open(201));
  EXPECT_TRUE(is_open(203));
  close_between(203, 202);
  EXPECT_TRUE(is_open(203));
  close_number(203);
}

}  // namespace
}  // namespace pml::base
