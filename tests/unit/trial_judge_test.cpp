// What a trial makes of a system call, by its arguments. The process that is looked at is this one.
#include "trial/judge.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <initializer_list>
#include <string>

#include "base/unique_fd.hpp"
#include "temporary_folder.hpp"

namespace pml::trial {
namespace {

namespace fs = std::filesystem;

/// As a register holds it.
template <typename Value>
std::uint64_t word(Value value) {
  if constexpr (std::is_pointer_v<Value>)
    return reinterpret_cast<std::uint64_t>(value);
  else
    return static_cast<std::uint64_t>(value);
}

template <typename... Values>
Judgement judged_with(const Arrangement& arrangement, long number, Values... values) {
  Call call;
  call.number = static_cast<std::uint64_t>(number);
  [[maybe_unused]] std::size_t at = 0;
  ((call.arguments[at++] = word(values)), ...);
  return judge(call, Tracee(::getpid()), arrangement);
}

template <typename... Values>
Judgement judged(long number, Values... values) {
  return judged_with({}, number, values...);
}

template <typename... Values>
Verdict verdict(long number, Values... values) {
  return judged(number, values...).verdict;
}

Verdict opens(const std::string& path, int flags = O_RDONLY) {
  return verdict(SYS_openat, AT_FDCWD, path.c_str(), flags);
}

TEST(Judge, WhatIsNotKnownIsAStopThatSaysWhich) {
  const Judgement judgement = judged(1000);
  EXPECT_EQ(judgement.verdict, Verdict::stop);
  EXPECT_EQ(judgement.what, "makes system call 1000");
}

TEST(Judge, OfPlainCallsTheTableSaysAll) {
  EXPECT_EQ(verdict(SYS_brk), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_getcwd), Verdict::fact);
  EXPECT_EQ(verdict(SYS_getpid), Verdict::own);
  EXPECT_EQ(judged(SYS_kill, 1, 9).what, "sends a signal");
  EXPECT_STREQ(judged(SYS_kill, 1, 9).call, "kill");
}

TEST(Judge, LookingAtAFileTellsWhereThereIsNone) {
  const test::TemporaryFolder folder;
  const std::string there = folder.write("a", ""), absent = folder / "b";
  Judgement judgement = judged(SYS_faccessat, AT_FDCWD, there.c_str(), 0);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_EQ(judgement.find, Find::nothing);
  judgement = judged(SYS_faccessat, AT_FDCWD, absent.c_str(), 0);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_EQ(judgement.find, Find::missing);
  EXPECT_EQ(judgement.path, absent);
}

TEST(Judge, ARelativePathIsAFactOnlyOfTheCurrentFolder) {
  const test::TemporaryFolder folder;
  folder.write("a", "");
  EXPECT_EQ(verdict(SYS_faccessat, AT_FDCWD, "a", 0), Verdict::fact);
  const base::UniqueFd below(base::k_adopt,
                             ::open(folder.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Judgement judgement = judged(SYS_faccessat, below.get(), "a", 0);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_EQ(judgement.path, fs::canonical(folder.path()).string() + "/a");
}

TEST(Judge, OfTheDescriptorItselfNothingIsTold) {
  const Judgement judgement = judged(SYS_statx, 5, "", AT_EMPTY_PATH);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_EQ(judgement.path, "");
}

TEST(Judge, WhatIsOpenedToReadIsAFileOrAFolder) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a", "");
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, file.c_str(), O_RDONLY).find, Find::file);
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, folder.path().c_str(), O_DIRECTORY).find, Find::folder);
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, (folder / "b").c_str(), O_RDONLY).find, Find::missing);
  EXPECT_EQ(opens(file), Verdict::harmless);
}

TEST(Judge, NothingIsOpenedToWrite) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a", "");
  for (const int flags :
       {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT, O_WRONLY | O_APPEND})
    EXPECT_EQ(opens(file, flags), Verdict::stop) << flags;
  EXPECT_EQ(opens(folder.path(), O_TMPFILE | O_RDWR), Verdict::stop);
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, (folder / "b").c_str(), O_WRONLY | O_CREAT).what,
            "makes a file");
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, file.c_str(), O_WRONLY).what, "opens a file to write");
  EXPECT_EQ(opens("/dev/null", O_RDWR), Verdict::harmless);
}

TEST(Judge, ADirectoryFlagAloneDoesNotWrite) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(opens(folder.path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), Verdict::harmless);
}

TEST(Judge, AnOpenedPathIsLookedAtOnly) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a", "");
  const Judgement judgement = judged(SYS_openat, AT_FDCWD, file.c_str(), O_PATH);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_EQ(judgement.find, Find::nothing);
}

TEST(Judge, WhatTheKernelTellsIsAFactAndOfAProcessItsOwn) {
  EXPECT_EQ(opens("/proc/cpuinfo"), Verdict::fact);
  EXPECT_EQ(opens("/proc/self/status"), Verdict::own);
  EXPECT_EQ(opens("/proc/" + std::to_string(::getpid()) + "/maps"), Verdict::own);
  EXPECT_EQ(opens("/proc/self"), Verdict::own);
  EXPECT_EQ(opens("/proc/selfish"), Verdict::harmless);  // there is none
}

TEST(Judge, LinksThatTellOfAProcessAreItsOwnWhereverTheyLead) {
  for (const char* path :
       {"/proc/self/cwd", "/proc/thread-self/root", "/proc/self/fd/0", "/dev/fd/0", "/dev/stdin"})
    EXPECT_EQ(verdict(SYS_readlinkat, AT_FDCWD, path, 0, 0), Verdict::own) << path;
  EXPECT_EQ(verdict(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", 0, 0), Verdict::harmless);
  EXPECT_EQ(judged(SYS_openat, AT_FDCWD, "/proc/self/exe", O_RDONLY).find, Find::file);
}

TEST(Judge, RandomNumbersAreEachOnesOwn) {
  EXPECT_EQ(opens("/dev/urandom"), Verdict::own);
  const base::UniqueFd random(base::k_adopt, ::open("/dev/urandom", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(verdict(SYS_read, random.get()), Verdict::own);
}

TEST(Judge, OtherDevicesAndPipesAreNotOpened) {
  const test::TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(opens(pipe), Verdict::stop);
}

TEST(Judge, OpenHowIsReadFromMemory) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a", "");
  std::uint64_t how[3] = {O_RDONLY, 0, 0};
  EXPECT_EQ(verdict(SYS_openat2, AT_FDCWD, file.c_str(), &how[0], sizeof how), Verdict::harmless);
  how[0] = O_WRONLY;
  EXPECT_EQ(verdict(SYS_openat2, AT_FDCWD, file.c_str(), &how[0], sizeof how), Verdict::stop);
  EXPECT_EQ(verdict(SYS_openat2, AT_FDCWD, file.c_str(), 8, sizeof how), Verdict::stop);
}

TEST(Judge, WritingIsForMarkersAndWhatIsAllowed) {
  const Arrangement arrangement{.markers = {77}, .allowed = {78}};
  Judgement judgement = judged_with(arrangement, SYS_write, 77);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_TRUE(judgement.marked);
  judgement = judged_with(arrangement, SYS_write, 78);
  EXPECT_EQ(judgement.verdict, Verdict::harmless);
  EXPECT_FALSE(judgement.marked);
  judgement = judged_with(arrangement, SYS_write, 1);
  EXPECT_EQ(judgement.verdict, Verdict::stop);
  EXPECT_EQ(judgement.what, "writes to standard output");
}

TEST(Judge, WritingIntoNothingIsHarmlessUnlessItIsAStandardStream) {
  const base::UniqueFd null(base::k_adopt, ::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ASSERT_GT(null.get(), 2);
  EXPECT_EQ(verdict(SYS_write, null.get()), Verdict::harmless);
  const base::UniqueFd input = base::duplicate(base::BorrowedFd(0));
  ASSERT_TRUE(base::place(null.borrow(), 0));
  EXPECT_EQ(verdict(SYS_write, 0), Verdict::stop);
  ASSERT_TRUE(!input.valid() || base::place(input.borrow(), 0));
}

TEST(Judge, ReadingAFileIsHarmlessAndAPipeItsOwn) {
  const test::TemporaryFolder folder;
  const base::UniqueFd file(base::k_adopt,
                            ::open(folder.write("a", "").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(verdict(SYS_read, file.get()), Verdict::harmless);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const base::UniqueFd in(base::k_adopt, ends[0]), out(base::k_adopt, ends[1]);
  EXPECT_EQ(verdict(SYS_read, in.get()), Verdict::own);
  EXPECT_EQ(verdict(SYS_read, 1 << 20), Verdict::harmless);  // the kernel says that it is closed
}

TEST(Judge, ReadingASocketIsAStop) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const base::UniqueFd one(base::k_adopt, ends[0]), other(base::k_adopt, ends[1]);
  EXPECT_EQ(verdict(SYS_read, one.get()), Verdict::stop);
}

TEST(Judge, WhatIsAskedOfATerminalIsAFactOfStandardStreams) {
  EXPECT_EQ(verdict(SYS_ioctl, 1, TIOCGWINSZ), Verdict::fact);
  EXPECT_EQ(verdict(SYS_ioctl, 9, TIOCGWINSZ), Verdict::harmless);
  EXPECT_EQ(judged(SYS_ioctl, 0, TCGETS).what, "asks whether standard input is a terminal");
  EXPECT_EQ(verdict(SYS_ioctl, 9, FIONBIO), Verdict::own);
  EXPECT_EQ(verdict(SYS_ioctl, 0, FIONBIO), Verdict::stop);
  EXPECT_EQ(verdict(SYS_ioctl, 9, TIOCSTI), Verdict::stop);
}

TEST(Judge, OfDescriptorsOnlyHarmlessThingsAreAsked) {
  EXPECT_EQ(verdict(SYS_fcntl, 1, F_GETFD), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_fcntl, 1, F_GETFL), Verdict::fact);
  EXPECT_EQ(verdict(SYS_fcntl, 9, F_GETFL), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_fcntl, 1, F_SETFL), Verdict::stop);
  EXPECT_EQ(verdict(SYS_fcntl, 9, F_SETLK), Verdict::stop);
  EXPECT_EQ(verdict(SYS_fcntl, 9, F_ADD_SEALS), Verdict::own);
}

TEST(Judge, AFileIsNotWrittenThroughMemory) {
  const test::TemporaryFolder folder;
  const base::UniqueFd file(base::k_adopt,
                            ::open(folder.write("a", "x").c_str(), O_RDWR | O_CLOEXEC));
  const auto maps = [&](int protection, int flags) {
    return verdict(SYS_mmap, 0, 4096, protection, flags, file.get(), 0);
  };
  EXPECT_EQ(maps(PROT_READ | PROT_WRITE, MAP_SHARED), Verdict::stop);
  EXPECT_EQ(maps(PROT_READ | PROT_WRITE, MAP_PRIVATE), Verdict::harmless);
  EXPECT_EQ(maps(PROT_READ, MAP_SHARED), Verdict::harmless);
  fs::remove(folder / "a");
  EXPECT_EQ(maps(PROT_READ | PROT_WRITE, MAP_SHARED), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_mmap, 0, 4096, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
            Verdict::harmless);
}

TEST(Judge, ThreadsAreItsOwnAndProcessesAreNotStarted) {
  EXPECT_EQ(verdict(SYS_clone, CLONE_VM | CLONE_THREAD), Verdict::own);
  EXPECT_EQ(verdict(SYS_clone, CLONE_VM), Verdict::stop);
  clone_args arguments{};
  arguments.flags = CLONE_THREAD;
  EXPECT_EQ(verdict(SYS_clone3, &arguments, sizeof arguments), Verdict::own);
  arguments.flags = 0;
  EXPECT_EQ(verdict(SYS_clone3, &arguments, sizeof arguments), Verdict::stop);
  EXPECT_EQ(verdict(SYS_clone3, 8, sizeof arguments), Verdict::stop);
}

TEST(Judge, LimitsAndSignalsAreAskedForAndNotChanged) {
  rlimit limit{};
  EXPECT_EQ(verdict(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &limit), Verdict::fact);
  EXPECT_EQ(verdict(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, 0), Verdict::stop);
  EXPECT_EQ(verdict(SYS_rt_sigaction, 2, 0, &limit), Verdict::fact);
  EXPECT_EQ(verdict(SYS_rt_sigaction, 2, &limit, 0), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_personality, 0xffffffffU), Verdict::fact);
  EXPECT_EQ(verdict(SYS_personality, 0), Verdict::stop);
  EXPECT_EQ(verdict(SYS_prctl, PR_SET_NAME), Verdict::harmless);
  EXPECT_EQ(verdict(SYS_prctl, PR_SET_DUMPABLE), Verdict::stop);
}

TEST(Judge, WaitingForAStandardStreamIsAStop) {
  std::array<pollfd, 3> entries = {{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}};
  EXPECT_EQ(verdict(SYS_poll, entries.data(), 3, 0), Verdict::harmless);  // whether they are open
  EXPECT_EQ(verdict(SYS_poll, entries.data(), 3, -1), Verdict::stop);
  entries[0].events = POLLIN;
  EXPECT_EQ(verdict(SYS_poll, entries.data(), 3, 0), Verdict::stop);
  entries[0].fd = 9;
  EXPECT_EQ(verdict(SYS_poll, entries.data(), 1, -1), Verdict::harmless);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(1, &set);
  EXPECT_EQ(verdict(SYS_pselect6, 3, 0, &set, 0, 0, 0), Verdict::stop);
  FD_ZERO(&set);
  FD_SET(5, &set);
  EXPECT_EQ(verdict(SYS_pselect6, 6, &set, 0, 0, 0, 0), Verdict::harmless);
}

TEST(Judge, SocketsAreMadeAndNobodyIsReached) {
  EXPECT_EQ(verdict(SYS_socket, AF_INET, SOCK_STREAM, 0), Verdict::own);
  EXPECT_EQ(verdict(SYS_socket, AF_NETLINK, SOCK_RAW, 0), Verdict::stop);
  EXPECT_EQ(verdict(SYS_listen, 9), Verdict::stop);
  EXPECT_EQ(verdict(SYS_setsockopt, 9), Verdict::own);
  EXPECT_EQ(verdict(SYS_setsockopt, 1), Verdict::stop);
}

TEST(Judge, AnAddressMayBeTakenOnlyToSeeWhetherThereIsIpv6) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;
  EXPECT_EQ(verdict(SYS_bind, 9, &six, sizeof six), Verdict::own);
  six.sin6_port = htons(80);
  EXPECT_EQ(verdict(SYS_bind, 9, &six, sizeof six), Verdict::stop);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  EXPECT_EQ(verdict(SYS_bind, 9, &four, sizeof four), Verdict::stop);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(verdict(SYS_bind, 9, &four, sizeof four), Verdict::own);
}

TEST(Judge, AServiceThatIsNotThereIsLookedFor) {
  const test::TemporaryFolder folder;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto connects = [&](const std::string& path) {
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    address.sun_path[path.size()] = '\0';
    return judged(SYS_connect, 9, &address, sizeof address);
  };
  EXPECT_EQ(connects(folder / "socket").verdict, Verdict::fact);
  EXPECT_EQ(connects(folder / "socket").find, Find::missing);
  EXPECT_EQ(connects(folder.write("there", "")).verdict, Verdict::stop);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  EXPECT_EQ(verdict(SYS_connect, 9, &four, sizeof four), Verdict::stop);
}

TEST(Judge, ChangesOfFilesAreStopsThatNameThem) {
  const Judgement judgement = judged(SYS_unlinkat, AT_FDCWD, "/home/me/x", 0);
  EXPECT_EQ(judgement.verdict, Verdict::stop);
  EXPECT_EQ(judgement.what, "removes a file");
  EXPECT_EQ(judgement.path, "/home/me/x");
}

}  // namespace
}  // namespace pml::trial
