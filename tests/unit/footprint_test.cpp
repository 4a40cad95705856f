#include "worker/footprint.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
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

/// For as long as it lives, so much memory may be locked.
class LockedMemoryLimit {
 public:
  explicit LockedMemoryLimit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before_), 0);
    const rlimit now{bytes, std::max(bytes, before_.rlim_max)};
    set_ = ::setrlimit(RLIMIT_MEMLOCK, &now) == 0;
  }
  LockedMemoryLimit(const LockedMemoryLimit&) = delete;
  LockedMemoryLimit& operator=(const LockedMemoryLimit&) = delete;
  ~LockedMemoryLimit() { ::setrlimit(RLIMIT_MEMLOCK, &before_); }
  /// Only root can set more than before.
  [[nodiscard]] bool set() const { return set_; }

 private:
  bool set_ = false;
  rlimit before_{};
};

/// Whether the kernel lets this process have buffers of an io_uring.
bool pins() {
  io_uring_params parameters{};
  const long ring = ::syscall(SYS_io_uring_setup, 1, &parameters);
  if (ring >= 0) ::close(static_cast<int>(ring));
  return ring >= 0;
}

TEST_F(FootprintTest, TheForkItselfCopiesThem) {
  const LockedMemoryLimit limit(RLIM_INFINITY);
  ASSERT_TRUE(note(true));
  const std::set<std::size_t> noted{3, 4, 40};
  const std::set<std::size_t> expected = pins() ? noted : std::set<std::size_t>();
  if (!limit.set()) return;  // how far the limit goes depends on the rest of this process
  EXPECT_TRUE(in_worker([&] { return own() == expected; }));
  for (std::size_t page : noted) write(page);  // copied as they are at the fork, not as once noted
  memory_[3 * k_page] = 7;
  EXPECT_TRUE(in_worker([&] { return own() == expected && memory_[3 * k_page] == 7; }));
}

TEST_F(FootprintTest, NothingIsLockedWhenNoForkIsExpected) {
  ASSERT_TRUE(note(true));
  EXPECT_FALSE(footprint_.is_tense());
  for (int round = 0; round < 2; ++round) {
    footprint_.prepare();
    EXPECT_EQ(footprint_.is_tense(), pins());
    footprint_.relax();
    EXPECT_FALSE(footprint_.is_tense());
    // The kernel unpins a little later, and tells nobody.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto at_fork = [&] { return in_child([&] { return own().empty(); }); };
    while (!at_fork() && std::chrono::steady_clock::now() < deadline) ::sched_yield();
    EXPECT_TRUE(in_child([&] {
      if (!own().empty()) return false;
      footprint_.adopt();
      return own() == std::set<std::size_t>{3, 4, 40};
    }));
  }
}

TEST_F(FootprintTest, WithoutLockedMemoryTheWorkerTakesThem) {
  const LockedMemoryLimit limit(0);
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_worker([&] {
    if (!own().empty()) return false;
    footprint_.adopt();
    return own() == std::set<std::size_t>{3, 4, 40};
  }));
}

TEST_F(FootprintTest, APartIsPinnedWhereMoreIsNotAllowed) {
  const LockedMemoryLimit limit(4 * 2 * k_page);
  ASSERT_TRUE(note(true));
  EXPECT_TRUE(in_worker([&] {
    if (own().count(40) != 0) return false;
    footprint_.adopt();
    return own() == std::set<std::size_t>{3, 4, 40};
  }));
}

TEST_F(FootprintTest, WhatOnlyTheWorkerMapsIsLeftOut) {
  const auto map = [](void* at) {
    return ::mmap(at, 4 * k_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
  const LockedMemoryLimit limit(RLIM_INFINITY);
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
    const bool before = !pins() || !limit.set() || own() == std::set<std::size_t>{3, 4, 40};
    footprint_.adopt();
    return before && own() == std::set<std::size_t>{3, 4, 40};
  }));
  EXPECT_TRUE(unmap(kept));
}

/// The kernel takes a huge page for pinned as a whole, and would copy all of it.
TEST_F(FootprintTest, AHugePageIsNotCopiedWhole) {
  const LockedMemoryLimit limit(RLIM_INFINITY);
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
        ::pread(pages, entries.data(), k_huge / k_page * sizeof entries[0], static_cast<off_t>(at)),
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
    return own_of_huge() <= 1;
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
