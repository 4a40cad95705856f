#include "worker/footprint.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <new>
#include <span>
#include <utility>

#include "base/unique_fd.hpp"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

namespace pml::worker {

namespace {

constexpr std::size_t k_most_ranges = 4000;
/// Larger mappings are reservations, a sanitizer's shadow for one: it takes long to look at them.
constexpr std::uint64_t k_largest_mapping = 4ULL << 30;
constexpr std::uint64_t k_present = 1ULL << 63;
constexpr std::uint64_t k_exclusive = 1ULL << 56;
constexpr std::uint64_t k_of_file = 1ULL << 61;

/// proc(5) counts in the kernel's pages, as does madvise(2).
std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

struct Mapping {
  std::uintptr_t from;
  std::uintptr_t to;
  bool writable;
  bool of_file;
};

/// Calls `use` with each private mapping of this process that can be read, in the order of their
/// addresses.
template <typename Use>
void for_each_mapping(const Use& use) noexcept {
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  std::array<char, 4352> line;  // a path, and what stands before it
  while (std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
    std::uintptr_t from = 0, to = 0;
    unsigned long inode = 0;
    char read = 0, write = 0, execute = 0, kind = 0;
    if (std::sscanf(line.data(), "%" SCNxPTR "-%" SCNxPTR " %c%c%c%c %*x %*s %lu", &from, &to,
                    &read, &write, &execute, &kind, &inode) == 7 &&
        read == 'r' && kind == 'p' && to - from <= k_largest_mapping)
      use(Mapping{from, to, write == 'w', inode != 0});
  }
  std::fclose(maps);
}

}  // namespace

struct Footprint::Shared {
  std::atomic<bool> taken;  // somebody notes its pages, or has
  std::atomic<bool> known;
  std::size_t count;
  std::array<Range, k_most_ranges> ranges;  // in the order of their addresses

  void add(std::uintptr_t page, std::uint32_t advice) noexcept {
    Range* const last = count > 0 ? &ranges[count - 1] : nullptr;
    if (last != nullptr && last->advice == advice &&
        last->start + std::size_t{last->pages} * page_size() == page)
      ++last->pages;
    else if (count < ranges.size())
      ranges[count++] = {page, 1, advice};
  }
};

namespace {

/// The pages of [from, to) that are there in this process: where it may write, in it alone; where
/// it may not, a file's, as a fork copies what refers to the others.
template <typename Add>
void look_at(base::BorrowedFd pages, std::uintptr_t from, std::uintptr_t to, bool writable,
             const Add& add) noexcept {
  std::array<std::uint64_t, 512> entries;
  const std::uint64_t wanted = k_present | (writable ? k_exclusive : k_of_file);
  while (from < to) {
    const std::size_t most = std::min(entries.size(), (to - from) / page_size());
    const ssize_t size = ::pread(pages.get(), entries.data(), most * sizeof entries[0],
                                 static_cast<off_t>(from / page_size() * sizeof entries[0]));
    if (size <= 0) return;
    const std::size_t count = static_cast<std::size_t>(size) / sizeof entries[0];
    for (std::size_t i = 0; i < count; ++i)
      if ((entries[i] & wanted) == wanted)
        add(from + i * page_size(), writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    from += count * page_size();
  }
}

}  // namespace

Footprint::Footprint() noexcept {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) shared_ = new (memory) Shared{};
}

void Footprint::prepare() noexcept {
  if (shared_ == nullptr || !shared_->known.load(std::memory_order_acquire)) return;
  Shared* const shared = std::exchange(shared_, nullptr);
  try {
    take(*shared);
  } catch (const std::bad_alloc&) {
    written_.clear();
    mapped_.clear();
    anonymous_ = 0;
  }
  ::munmap(shared, sizeof *shared);
  if (!pinned_.pin(written_)) (void)pinned_.pin(std::span(written_).first(anonymous_));
}

void Footprint::take(const Shared& shared) {
  const auto end_of = [](const Range& range) {
    return range.start + std::size_t{range.pages} * page_size();
  };
  const Range* const first = shared.ranges.data();
  const Range* const last = first + shared.count;
  std::copy_if(first, last, std::back_inserter(mapped_),
               [](const Range& range) { return range.advice == MADV_POPULATE_READ; });
  std::vector<iovec> of_files;
  written_.reserve(k_most_ranges);  // a mapping may cut one in two: the rest is left out
  of_files.reserve(k_most_ranges);
  // What a worker has mapped for itself is not there, or is other memory.
  const Range* next = first;
  for_each_mapping([&](const Mapping& mapping) {
    std::vector<iovec>& pieces = mapping.of_file ? of_files : written_;
    for (; next != last && next->start < mapping.to; ++next) {
      const std::uintptr_t start = std::max(mapping.from, next->start);
      const std::uintptr_t end = std::min(mapping.to, end_of(*next));
      if (start < end && mapping.writable && next->advice == MADV_POPULATE_WRITE &&
          pieces.size() < pieces.capacity())
        pieces.push_back({reinterpret_cast<void*>(start), end - start});  // NOLINT
      if (end_of(*next) > mapping.to) break;
    }
  });
  anonymous_ = written_.size();
  written_.insert(written_.end(), of_files.begin(), of_files.end());
}

void Footprint::adopt() noexcept {
  pinned_.leave();
  for (const iovec& range : std::span(written_).subspan(pinned_.count()))
    ::madvise(range.iov_base, range.iov_len, MADV_POPULATE_WRITE);
  for (const Range& range : mapped_) {
    void* const start = reinterpret_cast<void*>(range.start);  // NOLINT(performance-no-int-to-ptr)
    ::madvise(start, range.pages * page_size(), static_cast<int>(range.advice));
  }
}

void Footprint::leave(bool rehearsed) noexcept {
  if (shared_ == nullptr) return;
  Shared& shared = *std::exchange(shared_, nullptr);
  if (rehearsed && !shared.taken.exchange(true)) {
    const base::UniqueFd pages(base::k_adopt, ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    for_each_mapping([&](const Mapping& mapping) {
      look_at(pages.borrow(), mapping.from, mapping.to, mapping.writable,
              [&](std::uintptr_t page, std::uint32_t advice) { shared.add(page, advice); });
    });
    shared.known.store(true, std::memory_order_release);
  }
  ::munmap(&shared, sizeof shared);
}

}  // namespace pml::worker
