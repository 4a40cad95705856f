#include "worker/footprint.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <set>
#include <vector>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25  // since Linux 6.1
#endif

namespace pml::worker {
namespace {

constexpr std::size_t k_page = 4096;
constexpr std::size_t k_pages = 64;

/// Memory of this process, as a preload's heap is the zygote's.
class FootprintTest : public testing::Test {
 protected:
  FootprintTest() {
    memory_ = static_cast<char*>(::mmap(nullptr, k_pages * k_page, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::madvise(memory_, k_pages * k_page, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < k_pages; ++i) write(i);
  }

  void write(std::size_t page) { const_cast<volatile char*>(memory_)[page * k_page] = 1; }

  /// The pages of the memory that are this process's alone.
  [[nodiscard]] std::set<std::size_t> own() const {
    std::uint64_t entries[k_pages] = {};
    const int pages = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const auto at = reinterpret_cast<std::uintptr_t>(memory_) / k_page * sizeof entries[0];
    EXPECT_EQ(::pread(pages, entries, sizeof entries, static_cast<off_t>(at)),
              static_cast<ssize_t>(sizeof entries));
    ::close(pages);
    std::set<std::size_t> found;
    for (std::size_t i = 0; i < k_pages; ++i)
      if ((entries[i] >> 56 & 1) != 0) found.insert(i);
    return found;
  }

  /// Whether what a forked process says is true.
  bool in_worker(const std::function<bool()>& work) {
    footprint_.prepare();
    return in_child(work);
  }

  static bool in_child(const std::function<bool()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(work() ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  /// One worker that writes two places and notes them.
  bool note(bool rehearsed) {
    return in_worker([&] {
      footprint_.adopt();
      if (!own().empty()) return false;
      for (std::size_t page : {3, 4, 40}) write(page);
      footprint_.leave(rehearsed);
      return true;
    });
  }

  char* memory_;
  Footprint footprint_;
};

TEST_F(FootprintTest, TheNextWorkerHasThePagesOfTheFirst) {
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_worker([&] {
    footprint_.adopt();
    return own() == std::set<std::size_t>{3, 4, 40};
  }));
}

/// Whether the kernel lets this process pin pages, which takes CAP_IPC_LOCK.
bool pins() {
  void* const page =
      ::mmap(nullptr, k_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const iovec range{page, k_page};
  const bool done = PinnedPages().pin({&range, 1});
  ::munmap(page, k_page);
  return done;
}

TEST_F(FootprintTest, TheForkItselfCopiesThem) {
  ASSERT_TRUE(note(true));
  const std::set<std::size_t> noted{3, 4, 40};
  const std::set<std::size_t> expected = pins() ? noted : std::set<std::size_t>();
  EXPECT_TRUE(in_worker([&] { return own() == expected; }));
  for (std::size_t page : noted) write(page);  // copied as they are at the fork, not as once noted
  memory_[3 * k_page] = 7;
  EXPECT_TRUE(in_worker([&] { return own() == expected && memory_[3 * k_page] == 7; }));
}

TEST_F(FootprintTest, NothingCountsAgainstTheUsersLockedMemory) {
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_child([&] {
    // Of another user than root, as which there would be no account.
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return false;
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // or its pages are not its own to look at
    footprint_.prepare();
    return in_child([&] {
      if (!own().empty()) return false;
      footprint_.adopt();
      return own() == std::set<std::size_t>{3, 4, 40};
    });
  }));
}

TEST_F(FootprintTest, TheLimitOfLockedMemoryStays) {
  rlimit before{}, after{};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before), 0);
  before.rlim_cur = before.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before), 0);
  ASSERT_TRUE(note(true));
  footprint_.prepare();
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_cur);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
}

/// A filter might kill who tries.
TEST_F(FootprintTest, NothingIsPinnedUnderASeccompFilter) {
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_child([&] {
    sock_filter kill_rings[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{std::size(kill_rings), kill_rings};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
      return false;
    footprint_.prepare();
    return in_child([&] {
      footprint_.adopt();
      return own() == std::set<std::size_t>{3, 4, 40};
    });
  }));
}

TEST_F(FootprintTest, WhatOnlyTheWorkerMapsIsLeftOut) {
  const auto map = [](void* at) {
    return ::mmap(at, 4 * k_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
  const auto unmap = [](void* at) { return ::munmap(at, 4 * k_page) == 0; };
  void* const kept = map(nullptr);
  void* const gone = map(nullptr);
  EXPECT_TRUE(in_worker([&] {
    for (void* memory : {kept, gone, map(nullptr)}) std::memset(memory, 1, 4 * k_page);
    for (std::size_t page : {3, 4, 40}) write(page);
    footprint_.leave(true);
    return true;
  }));
  ASSERT_TRUE(unmap(gone));
  EXPECT_TRUE(in_worker([&] {
    const bool before = !pins() || own() == std::set<std::size_t>{3, 4, 40};
    footprint_.adopt();
    return before && own() == std::set<std::size_t>{3, 4, 40};
  }));
  EXPECT_TRUE(unmap(kept));
}

/// The kernel takes a huge page for pinned as a whole, and would copy all of it.
TEST_F(FootprintTest, AHugePageIsNotCopiedWhole) {
  constexpr std::size_t k_huge = 2U << 20;
  char* const memory = static_cast<char*>(
      ::mmap(nullptr, 2 * k_huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char* const huge = memory + (k_huge - reinterpret_cast<std::uintptr_t>(memory) % k_huge);
  ASSERT_EQ(::madvise(huge, k_huge, MADV_HUGEPAGE), 0);
  std::memset(huge, 1, k_huge);
  ::madvise(huge, k_huge, MADV_COLLAPSE);
  const auto own_of_huge = [&] {
    std::vector<std::uint64_t> entries(k_huge / k_page);
    const int pages = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const auto at = reinterpret_cast<std::uintptr_t>(huge) / k_page * sizeof entries[0];
    EXPECT_GT(
        ::pread(pages, entries.data(), entries.size() * sizeof entries[0], static_cast<off_t>(at)),
        0);
    ::close(pages);
    return std::count_if(entries.begin(), entries.end(),
                         [](auto entry) { return (entry >> 56 & 1) != 0; });
  };
  EXPECT_TRUE(in_worker([&] {
    huge[5 * k_page] = 2;
    footprint_.leave(true);
    return true;
  }));
  EXPECT_TRUE(in_worker([&] {
    footprint_.adopt();
    return own_of_huge() == 1;
  }));
  ::munmap(memory, 2 * k_huge);
}

TEST_F(FootprintTest, AWorkerHasNoMoreDescriptorsThanBefore) {
  const auto count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = count();
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_worker([&] {
    footprint_.adopt();
    return count() == before;
  }));
}

TEST_F(FootprintTest, WhoLeftSomethingOutNotesNothing) {
  ASSERT_TRUE(note(false));
  EXPECT_TRUE(in_worker([&] {
    footprint_.adopt();
    return own().empty();
  }));
}

TEST_F(FootprintTest, OnlyTheFirstNotes) {
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_worker([&] {
    write(50);
    footprint_.leave(true);
    return true;
  }));
  EXPECT_TRUE(in_worker([&] {
    footprint_.adopt();
    return own() == std::set<std::size_t>{3, 4, 40};
  }));
}

TEST_F(FootprintTest, TheMemoryGoesBeforeAJobComes) {
  EXPECT_TRUE(in_worker([&] {
    footprint_.leave(false);
    footprint_.leave(true);  // nothing is left to note in
    footprint_.adopt();
    return own().empty();
  }));
}

}  // namespace
}  // namespace pml::worker
