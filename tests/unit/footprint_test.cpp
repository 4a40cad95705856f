#include "worker/footprint.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <set>

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
  static bool in_worker(const std::function<bool()>& work) {
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
