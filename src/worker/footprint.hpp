#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "worker/pinned_pages.hpp"

namespace pml::worker {

/// Which pages a worker makes its own before its job comes. They are the same for every worker of a
/// zygote, so the first one notes them, and the others get them with their fork, or have the kernel
/// copy them all at once, instead of one fault after another. A matter of time alone: what it
/// cannot find out or do, it leaves out.
class Footprint {
 public:
  Footprint() noexcept;
  Footprint(const Footprint&) = delete;
  Footprint& operator=(const Footprint&) = delete;
  ~Footprint() = default;  // the zygote's end frees it, as a worker's does

  /// In the zygote, before a fork: sees to the pages as soon as a worker has noted them.
  void prepare() noexcept;
  /// In a new worker: takes the pages that are known and that the fork has not copied.
  void adopt() noexcept;
  /// In a worker that has rehearsed: notes its pages where no other has, and lets the memory go
  /// that a zygote shares with its workers for that. A job never has it.
  void leave(bool rehearsed) noexcept;

 private:
  struct Shared;

  /// What madvise(2) takes.
  struct Range {
    std::uintptr_t start;
    std::uint32_t pages;
    std::uint32_t advice;
  };

  /// What is noted, as far as it is the zygote's memory, too.
  void take(const Shared& shared);

  Shared* shared_ = nullptr;
  std::vector<iovec> written_;  // the pages that workers write; last those of files' mappings
  std::size_t anonymous_ = 0;   // how many of them are not of a file's mapping
  std::vector<Range> mapped_;   // the pages that workers only read, of files
  PinnedPages pinned_;          // of what is written, from the first on
};

}  // namespace pml::worker
