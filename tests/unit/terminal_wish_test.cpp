#include "worker/terminal_wish.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <thread>

namespace pml::worker {
namespace {

/// A process on a terminal of its own, ended with this object.
class Job {
 public:
  explicit Job(const std::function<void()>& run) {
    int near = -1;
    int far = -1;
    if (::openpty(&near, &far, nullptr, nullptr, nullptr) != 0) return;
    near_ = {base::k_adopt, near};
    far_ = {base::k_adopt, far};
    process_ = ::fork();
    if (process_ != 0) return;
    ::setsid();
    ::ioctl(far, TIOCSCTTY, 0);
    near_.reset();
    far_.reset();
    run();
    ::_exit(0);
  }
  ~Job() {
    ::kill(-process_, SIGKILL);
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] TerminalWish wish() const { return {process_, far_.borrow()}; }
  [[nodiscard]] base::BorrowedFd far() const { return far_.borrow(); }

 private:
  base::UniqueFd near_, far_;
  pid_t process_ = -1;
};

bool comes(const TerminalWish& wish) {
  for (int i = 0; i < 1000 && !wish.is_shown(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return wish.is_shown();
}

int open_terminal() {
  return ::open("/dev/tty", O_RDWR);
}

void read_byte(int from) {
  char byte = 0;
  (void)!::read(from, &byte, 1);
}

TEST(TerminalWish, AReaderShowsIt) {
  const Job job([] { read_byte(open_terminal()); });
  EXPECT_TRUE(comes(job.wish()));
}

TEST(TerminalWish, AReadersParentShowsIt) {
  const Job job([] {
    if (::fork() == 0) read_byte(open_terminal());
    ::pause();
  });
  EXPECT_TRUE(comes(job.wish()));
}

TEST(TerminalWish, AThreadShowsIt) {
  const Job job([] {
    std::thread([] { read_byte(open_terminal()); }).detach();
    ::pause();
  });
  EXPECT_TRUE(comes(job.wish()));
}

/// How a process chooses among what it may read.
using Choose = void (*)(int);

void choose_by_poll(int number) {
  pollfd entries[] = {{-1, POLLIN, 0}, {number, POLLIN, 0}};
  ::poll(entries, 2, -1);
}

void choose_by_select(int number) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(number, &set);
  ::select(number + 1, &set, nullptr, nullptr, nullptr);
}

void choose_by_epoll(int number) {
  const int set = ::epoll_create1(0);
  epoll_event event{EPOLLIN, {}};
  ::epoll_ctl(set, EPOLL_CTL_ADD, number, &event);
  ::epoll_wait(set, &event, 1, -1);
}

class TerminalWishOf : public testing::TestWithParam<Choose> {};

TEST_P(TerminalWishOf, WhoeverChoosesAmongOthers) {
  const Job job([choose = GetParam()] { choose(open_terminal()); });
  EXPECT_TRUE(comes(job.wish()));
}

TEST_P(TerminalWishOf, NotOfWhoHasItAndChoosesAmongOthersOnly) {
  int pipe[2] = {};
  ASSERT_EQ(::pipe(pipe), 0);
  const Job job([choose = GetParam(), &pipe] {
    (void)!::write(pipe[1], open_terminal() >= 0 ? "+" : "-", 1);
    int never[2] = {};
    if (::pipe(never) == 0) choose(never[0]);
  });
  read_byte(pipe[0]);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(job.wish().is_shown());
  base::close_number(pipe[0]);
  base::close_number(pipe[1]);
}

/// From now on this process may not read another's memory.
void forbid_to_look() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

TEST_P(TerminalWishOf, WhoeverHasItAndChoosesWhereNobodyMayLook) {
  const Job job([choose = GetParam()] { choose(open_terminal()); });
  const pid_t looker = ::fork();
  if (looker == 0) {
    forbid_to_look();
    ::_exit(comes(job.wish()) ? 0 : 1);
  }
  int status = -1;
  ::waitpid(looker, &status, 0);
  EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(Calls, TerminalWishOf,
                         testing::Values(choose_by_poll, choose_by_select, choose_by_epoll));

TEST(TerminalWish, OtherModesShowIt) {
  const Job job([] { ::pause(); });
  const TerminalWish wish = job.wish();
  EXPECT_FALSE(wish.is_shown());
  termios modes{};
  ::tcgetattr(job.far().get(), &modes);
  modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(job.far().get(), TCSANOW, &modes);
  EXPECT_TRUE(wish.is_shown());
}

TEST(TerminalWish, WhoWaitsForSomethingElseDoesNot) {
  int pipe[2] = {};
  ASSERT_EQ(::pipe(pipe), 0);
  const Job job([&pipe] {
    const int terminal = open_terminal();
    (void)!::write(pipe[1], "+", 1);
    int never[2] = {};
    if (terminal >= 0 && ::pipe(never) == 0) read_byte(never[0]);
  });
  read_byte(pipe[0]);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(job.wish().is_shown());
  base::close_number(pipe[0]);
  base::close_number(pipe[1]);
}

}  // namespace
}  // namespace pml::worker
