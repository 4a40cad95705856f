#include "image/writer.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "image/memory_list.hpp"
#include "image/reader.hpp"

#if defined(__x86_64__)
#include <asm/prctl.h>

// From glibc 2.35 on.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): glibc's names
[[gnu::weak]] extern const std::ptrdiff_t __rseq_offset;
[[gnu::weak]] extern const unsigned int __rseq_size;
// NOLINTEND(bugprone-reserved-identifier)
}
#endif

namespace pml::image {

namespace {

constexpr std::size_t k_text_size = 16U << 20;
constexpr std::size_t k_most_regions = 8000;
constexpr std::uint64_t k_most_pages = 1U << 18;  // asked about at once
/// So many untouched pages one after the other are a mapping of their own.
constexpr std::uint64_t k_long_gap = 64;

/// Of an entry of /proc/self/pagemap.
constexpr std::uint64_t k_of_file = 1ULL << 61, k_there = 3ULL << 62;  // in memory or swapped out

/// Memory that is no part of the image.
struct Room {
  char text[k_text_size];
  Region regions[k_most_regions];
  std::uint64_t pages[k_most_pages];
  alignas(k_page) char table[k_table_size];
};

class Writer {
 public:
  Writer(Written& result, const Registers& registers) noexcept
      : result_(result), registers_(registers) {}

  void run() noexcept;

 private:
  bool refuse(const char* why, std::string_view detail = {}) noexcept;
  bool make_room() noexcept;
  bool read_regions() noexcept;
  bool note_thread() noexcept;
  bool note_handlers() noexcept;
  bool note_kernel_pages() noexcept;
  bool take(const Region& region) noexcept;
  bool take_part(const Region& region, std::uint64_t start, std::uint64_t count) noexcept;
  bool take_anonymous(const Region& region, std::uint64_t start, std::uint64_t count) noexcept;
  bool take_stack(const Region& region) noexcept;
  bool put(std::uint64_t from, std::uint64_t size, std::uint64_t offset) noexcept;
  bool add(const Mapping& mapping) noexcept;
  bool find_file(std::string_view name, std::uint32_t& place) noexcept;
  bool finish() noexcept;

  Header& header() noexcept { return *reinterpret_cast<Header*>(room_->table); }
  Mapping* mappings() noexcept {
    return reinterpret_cast<Mapping*>(room_->table + header().mappings);
  }
  File* files() noexcept { return reinterpret_cast<File*>(room_->table + header().files); }

  Written& result_;
  const Registers& registers_;
  Room* room_ = nullptr;
  std::span<Region> regions_;
  base::UniqueFd page_list_;
  std::uint64_t end_ = k_table_size;  // of the image so far
  std::uint32_t names_end_ = k_table_size;
};

bool Writer::refuse(const char* why, std::string_view detail) noexcept {
  result_.refusal = why;
  const std::size_t size = std::min(detail.size(), sizeof result_.detail - 1);
  std::memcpy(result_.detail, detail.data(), size);
  result_.detail[size] = '\0';
  return false;
}

bool Writer::make_room() noexcept {
  void* const place = reinterpret_cast<void*>(k_writer_place);  // NOLINT(performance-no-int-to-ptr)
  void* const got =
      ::mmap(place, sizeof(Room), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != place) return refuse("the place to write an image is taken");
  room_ = static_cast<Room*>(got);
  header() = Header();
  header().process = ::getpid();
  header().registers = registers_;
  header().mappings = sizeof(Header);
  header().files = header().mappings + k_most_regions * sizeof(Mapping);
  static_assert(sizeof(Header) % alignof(Mapping) == 0 && sizeof(Mapping) % alignof(File) == 0);
  result_.image = base::UniqueFd(
      base::k_adopt,
      static_cast<int>(::syscall(SYS_memfd_create, "pml-image", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  page_list_ = base::UniqueFd(base::k_adopt, ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  return (result_.image.valid() && page_list_.valid()) || refuse("no memory for an image");
}

bool Writer::read_regions() noexcept {
  const base::UniqueFd file(base::k_adopt, ::open("/proc/self/smaps", O_RDONLY | O_CLOEXEC));
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(file.get(), room_->text + size, k_text_size - size);
    if (got < 0) return refuse("the list of mappings cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  const auto found = parse_memory_list({room_->text, size}, room_->regions);
  if (!found) return refuse("the list of mappings is not understood");
  regions_ = *found;
  return true;
}

bool Writer::note_thread() noexcept {
#if defined(__x86_64__)
  Header& head = header();
  struct stat tasks = {};
  if (::stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink != 3)
    return refuse("more than one thread");
  int* number = nullptr;
  void* list = nullptr;
  std::size_t size = 0;
  if (::syscall(SYS_arch_prctl, ARCH_GET_FS, &head.thread) != 0 ||
      ::prctl(PR_GET_TID_ADDRESS, &number, 0, 0, 0) != 0 || number == nullptr ||
      *number != ::getpid() || ::syscall(SYS_get_robust_list, 0, &list, &size) != 0 || size != 24)
    return refuse("the thread is not understood");
  head.thread_number = reinterpret_cast<std::uint64_t>(number);
  head.robust_list = reinterpret_cast<std::uint64_t>(list);
  if (&__rseq_size != nullptr && __rseq_size != 0) {
    head.rseq_size = 32;
    head.rseq = head.thread + static_cast<std::uint64_t>(__rseq_offset);
  }
  stack_t other{};
  if (::sigaltstack(nullptr, &other) != 0 || (other.ss_flags & SS_DISABLE) == 0)
    return refuse("a stack for signals");
  return true;
#else
  return refuse("this kind of machine");
#endif
}

bool Writer::note_handlers() noexcept {
  for (int number = 1; number <= 64; ++number) {
    std::uint64_t action[4] = {};
    if (::syscall(SYS_rt_sigaction, number, nullptr, action, 8) != 0 || action[0] == 0) continue;
    header().handlers[header().handler_count++] = {static_cast<std::uint64_t>(number), action[0],
                                                   action[1], action[2], action[3]};
  }
  return true;
}

bool Writer::note_kernel_pages() noexcept {
  Header& head = header();
  for (const Region& region : regions_) {
    if (!is_kernels(region) || region.name == "[vsyscall]") continue;
    if (head.kernel_page_count == k_most_kernel_pages) return refuse("the vDSO is not understood");
    head.kernel_pages[head.kernel_page_count++] = region.at;
    if (region.name == "[vdso]") head.vdso = region.at.start;
  }
  return true;
}

bool Writer::put(std::uint64_t from, std::uint64_t size, std::uint64_t offset) noexcept {
  while (size > 0) {
    const ssize_t done =
        ::pwrite(result_.image.get(), reinterpret_cast<const void*>(from),  // NOLINT
                 static_cast<std::size_t>(size), static_cast<off_t>(offset));
    if (done <= 0) return refuse("memory that cannot be read", std::strerror(errno));
    from += static_cast<std::uint64_t>(done);
    offset += static_cast<std::uint64_t>(done);
    size -= static_cast<std::uint64_t>(done);
  }
  return true;
}

/// One that goes on where the last one ends is the same one.
bool Writer::add(const Mapping& mapping) noexcept {
  Header& head = header();
  if (head.mapping_count > 0) {
    Mapping& last = mappings()[head.mapping_count - 1];
    const std::uint64_t length = last.at.end - last.at.start;
    const bool goes_on = last.at.end == mapping.at.start && last.kind == mapping.kind &&
                         last.protection == mapping.protection && last.file == mapping.file &&
                         last.shared == mapping.shared && mapping.kind != Kind::stack;
    if (goes_on && (mapping.kind == Kind::zero || last.offset + length == mapping.offset)) {
      last.at.end = mapping.at.end;
      return true;
    }
  }
  if (head.mapping_count == k_most_regions) return refuse("too many mappings");
  mappings()[head.mapping_count++] = mapping;
  return true;
}

bool Writer::find_file(std::string_view name, std::uint32_t& place) noexcept {
  Header& head = header();
  for (std::uint32_t i = head.file_count; i-- > 0;)
    if (std::string_view(room_->table + files()[i].name, files()[i].name_size) == name) {
      place = i;
      return true;
    }
  const std::uint64_t files_end = head.files + (head.file_count + 1) * sizeof(File);
  if (files_end + name.size() + 1 > names_end_) return refuse("too many files");
  names_end_ -= static_cast<std::uint32_t>(name.size() + 1);
  std::memcpy(room_->table + names_end_, name.data(), name.size());
  room_->table[names_end_ + name.size()] = '\0';
  struct stat info = {};
  if (::stat(room_->table + names_end_, &info) != 0 || !S_ISREG(info.st_mode))
    return refuse("a file that cannot be found again", name);
  File& file = files()[head.file_count];
  file = {info.st_dev,
          info.st_ino,
          static_cast<std::uint64_t>(info.st_size),
          {info.st_mtim.tv_sec, info.st_mtim.tv_nsec},
          {info.st_ctim.tv_sec, info.st_ctim.tv_nsec},
          names_end_,
          static_cast<std::uint32_t>(name.size())};
  place = head.file_count++;
  return true;
}

bool Writer::take(const Region& region) noexcept {
  if (is_kernels(region)) return true;
  if (region.at.start == k_writer_place) return true;
  if (const char* const why = obstacle(region)) return refuse(why, region.name);
  if (region.name == "[stack]") return take_stack(region);
  const std::uint64_t count = (region.at.end - region.at.start) / k_page;
  for (std::uint64_t done = 0; done < count; done += k_most_pages)
    if (!take_part(region, region.at.start + done * k_page, std::min(count - done, k_most_pages)))
      return false;
  return true;
}

bool Writer::take_part(const Region& region, std::uint64_t start, std::uint64_t count) noexcept {
  const auto size = static_cast<std::size_t>(count * sizeof(std::uint64_t));
  if (::pread(page_list_.get(), room_->pages, size,
              static_cast<off_t>(start / k_page * sizeof(std::uint64_t))) !=
      static_cast<ssize_t>(size))
    return refuse("the list of pages cannot be read");
  const bool own = std::any_of(room_->pages, room_->pages + count, [](std::uint64_t page) {
    return (page & k_there) != 0 && (page & k_of_file) == 0;
  });
  if (own && ((region.protection & PROT_READ) == 0 || region.shared))
    return refuse("memory that cannot be read", region.name);
  const Span at{start, start + count * k_page};
  if (!region.name.starts_with('/')) return take_anonymous(region, start, count);
  Mapping mapping{at,
                  region.offset + (start - region.at.start),
                  0,
                  region.protection,
                  Kind::file,
                  0,
                  region.shared ? 1U : 0U};
  if (!own) return find_file(region.name, mapping.file) && add(mapping);
  mapping.kind = Kind::bytes;
  mapping.offset = end_;
  end_ += at.end - at.start;
  return put(at.start, at.end - at.start, mapping.offset) && add(mapping);
}

bool Writer::take_anonymous(const Region& region, std::uint64_t start,
                            std::uint64_t count) noexcept {
  const auto is_there = [this](std::uint64_t page) { return (room_->pages[page] & k_there) != 0; };
  // Up to where pages are untouched (`there` false) or touched.
  const auto run = [&](std::uint64_t from, bool there) {
    std::uint64_t end = from;
    while (end < count && is_there(end) == there) ++end;
    return end;
  };
  for (std::uint64_t page = 0; page < count;) {
    const std::uint64_t gap_end = run(page, false);
    const std::uint64_t address = start + page * k_page;
    if (gap_end - page >= k_long_gap || gap_end == count) {
      if (!add({{address, start + gap_end * k_page}, 0, 0, region.protection, Kind::zero}))
        return false;
      page = gap_end;
      continue;
    }
    std::uint64_t part_end = page;
    while (part_end < count) {
      const std::uint64_t touched = run(run(part_end, false), true);
      part_end = touched;
      const std::uint64_t next = run(part_end, false);
      if (next - part_end >= k_long_gap || next == count) break;
    }
    const Span at{address, start + part_end * k_page};
    const std::uint64_t offset = end_;
    end_ += at.end - at.start;
    for (std::uint64_t from = page; from < part_end;) {
      const std::uint64_t first = run(from, false);
      const std::uint64_t last = run(first, true);
      if (!put(start + first * k_page, (last - first) * k_page, offset + (first - page) * k_page))
        return false;
      from = last;
    }
    if (!add({at, offset, 0, region.protection, Kind::bytes})) return false;
    page = part_end;
  }
  return true;
}

bool Writer::take_stack(const Region& region) noexcept {
  if (registers_.rsp < region.at.start || registers_.rsp >= region.at.end)
    return refuse("it does not run on its first stack");
  const std::uint64_t contents = registers_.rsp & ~(k_page - 1);
  const std::uint64_t offset = end_;
  end_ += region.at.end - contents;
  return put(contents, region.at.end - contents, offset) &&
         add({region.at, offset, contents, region.protection, Kind::stack});
}

bool Writer::finish() noexcept {
  Header& head = header();
  head.size = end_;
  if (::ftruncate(result_.image.get(), static_cast<off_t>(end_)) != 0)
    return refuse("no memory for an image");
  // Whoever restores it reads it like this.
  if (!read({room_->table, k_table_size}, end_)) return refuse("memory where a client works");
  if (!put(reinterpret_cast<std::uint64_t>(room_->table), k_table_size, 0)) return false;
  constexpr int k_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  return ::fcntl(result_.image.get(), F_ADD_SEALS, k_seals) == 0 || refuse("it cannot be sealed");
}

void Writer::run() noexcept {
  bool good =
      make_room() && note_thread() && note_handlers() && read_regions() && note_kernel_pages();
  for (std::size_t i = 0; good && i < regions_.size(); ++i) good = take(regions_[i]);
  if (!good || !finish()) result_.image.reset();
  if (room_ != nullptr) ::munmap(room_, sizeof(Room));
}

}  // namespace

Written write(const Registers& registers) noexcept {
  Written result;
  Writer(result, registers).run();
  return result;
}

}  // namespace pml::image
