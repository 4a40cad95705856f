#include "client/restore/restore.hpp"

#include <asm/prctl.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>

#include "image/reader.hpp"
#include "image/switch.hpp"

extern "C" {
extern char __executable_start[];  // NOLINT(bugprone-reserved-identifier): the linker's
extern char _end[];
extern const unsigned long* pml_auxiliary;  // see runtime/start.cpp
}

namespace pml::client {

namespace {

/// So much of the first stack, below where this runs, may be in use; its pages go at the end.
constexpr std::uint64_t k_stack_below = 16U << 20;

template <typename T>
std::uint64_t address(T* pointer) noexcept {
  return reinterpret_cast<std::uint64_t>(pointer);
}

void* pointer(std::uint64_t place) noexcept {
  return reinterpret_cast<void*>(place);  // NOLINT(performance-no-int-to-ptr)
}

std::uint64_t auxiliary(unsigned long what) noexcept {
  for (const unsigned long* entry = pml_auxiliary; entry[0] != AT_NULL; entry += 2)
    if (entry[0] == what) return entry[1];
  return 0;
}

bool failed(long result) noexcept {
  return result == -1;
}

long map(std::uint64_t place, std::uint64_t size, int protection, int flags, int file,
         std::uint64_t offset) noexcept {
  return ::syscall(SYS_mmap, pointer(place), size, protection, flags, file, offset);
}

/// One attempt. Nothing of it lies where an image has anything.
class Restorer {
 public:
  explicit Restorer(const Restoring& what) noexcept : what_(what) {}
  RestoreFailure run() noexcept;

 private:
  const char* open_image() noexcept;
  const char* find_stack() noexcept;
  const char* look() noexcept;
  const char* check_files() noexcept;
  const char* move_kernel_pages() noexcept;
  const char* map_all() noexcept;
  const char* map_stack(const image::Mapping& mapping) noexcept;
  const char* adopt_thread() noexcept;
  const char* adopt_handlers() noexcept;
  [[noreturn]] void go_on() noexcept;

  const Restoring& what_;
  image::Tables tables_;
  image::Span stack_;
  std::uint64_t vdso_ = 0;
};

bool is_same(const image::File& file, const struct stat& info) noexcept {
  return file.device == info.st_dev && file.inode == info.st_ino &&
         file.size == static_cast<std::uint64_t>(info.st_size) &&
         file.modified[0] == info.st_mtim.tv_sec && file.modified[1] == info.st_mtim.tv_nsec &&
         file.changed[0] == info.st_ctim.tv_sec && file.changed[1] == info.st_ctim.tv_nsec;
}

const char* Restorer::open_image() noexcept {
  constexpr long k_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  struct stat info = {};
  if ((::fcntl(what_.image.get(), F_GET_SEALS, 0) & k_seals) != k_seals ||
      ::fstat(what_.image.get(), &info) != 0)
    return "the image is not sealed";
  if (map(image::k_table_place, image::k_table_size, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
          what_.image.get(), 0) != static_cast<long>(image::k_table_place))
    return "no place for the image's tables";
  const auto tables =
      image::read({static_cast<const char*>(pointer(image::k_table_place)), image::k_table_size},
                  static_cast<std::uint64_t>(info.st_size));
  if (!tables) return "the image is not understood";
  tables_ = *tables;
  return nullptr;
}

/// The name of the executed file is the last that the kernel has put on the stack.
const char* Restorer::find_stack() noexcept {
  const std::uint64_t name = auxiliary(AT_EXECFN);
  if (name == 0) return "the stack is not understood";
  const std::uint64_t end =
      name + std::strlen(static_cast<const char*>(pointer(name))) + 1 + sizeof(void*);
  const std::uint64_t here = address(&name);
  if (end % image::k_page != 0 || here >= end) return "the stack is not understood";
  stack_ = {(here & ~(image::k_page - 1)) - k_stack_below, end};
  return nullptr;
}

/// Nothing of the image may come to lie on what is in use here.
const char* Restorer::look() noexcept {
  vdso_ = auxiliary(AT_SYSINFO_EHDR);
  if (vdso_ == 0) return "no vDSO";
  if (address(__executable_start) < image::k_client_start || address(_end) > image::k_client_end)
    return "not by this build of pml";
  for (const std::string_view text : {what_.body, what_.report})
    if (const std::uint64_t start = address(text.data());
        !(start >= stack_.start && start < stack_.end) &&
        !(start >= image::k_client_start && start < image::k_client_end) &&
        !(start >= image::k_work_start && start < image::k_work_end))
      return "memory is not where it was asked for";
  if (tables_.header->process == ::getpid()) return "the number of the process";
  for (const image::Mapping& mapping : tables_.mappings) {
    const image::Span& at = mapping.at;
    if (at.start < stack_.end && stack_.start < at.end) return "the stack is in the way";
  }
  const image::Span target{tables_.kernel_pages.front().start, tables_.kernel_pages.back().end};
  if (target.start < stack_.end && stack_.start < target.end) return "the stack is in the way";
  return nullptr;
}

const char* Restorer::check_files() noexcept {
  for (const image::File& file : tables_.files) {
    struct stat info = {};
    if (::stat(tables_.name_of(file), &info) != 0 || !is_same(file, info))
      return "a file has changed";
  }
  return nullptr;
}

/// Source and target may overlap, so the way leads over a third place.
const char* Restorer::move_kernel_pages() noexcept {
  const std::uint64_t wanted = tables_.header->vdso;
  if (wanted == vdso_) return nullptr;
  const std::uint64_t first = tables_.kernel_pages.front().start;
  constexpr long k_move = MREMAP_MAYMOVE | MREMAP_FIXED;
  for (const bool aside : {true, false})
    for (const image::Span& page : tables_.kernel_pages) {
      const std::uint64_t size = page.end - page.start;
      const std::uint64_t own = page.start - wanted + vdso_;
      const std::uint64_t third = image::k_aside_place + (page.start - first);
      if (failed(::syscall(SYS_mremap, pointer(aside ? own : third), size, size, k_move,
                           pointer(aside ? third : page.start), 0L)))
        return "the vDSO cannot be moved";
    }
  return nullptr;
}

const char* Restorer::map_stack(const image::Mapping& mapping) noexcept {
  const std::uint64_t size = mapping.at.end - mapping.at.start;
  if (failed(map(mapping.at.start, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0)))
    return "no place for the stack";
  std::uint64_t to = mapping.contents, from = mapping.offset;
  while (to < mapping.at.end) {
    const long done = ::syscall(SYS_pread64, what_.image.get(), pointer(to), mapping.at.end - to,
                                static_cast<long>(from), 0L, 0L);
    if (done <= 0) return "the stack cannot be read";
    to += static_cast<std::uint64_t>(done);
    from += static_cast<std::uint64_t>(done);
  }
  return nullptr;
}

const char* Restorer::map_all() noexcept {
  base::UniqueFd file;
  std::uint32_t opened = 0;
  for (const image::Mapping& mapping : tables_.mappings) {
    const auto protection = static_cast<int>(mapping.protection);
    const std::uint64_t start = mapping.at.start, size = mapping.at.end - start;
    int flags = MAP_PRIVATE | MAP_FIXED;
    int source = what_.image.get();
    if (mapping.kind == image::Kind::stack) {
      if (const char* const why = map_stack(mapping)) return why;
      continue;
    }
    if (mapping.kind == image::Kind::zero) {
      flags |= MAP_ANONYMOUS;
      source = -1;
    } else if (mapping.kind == image::Kind::file) {
      if (!file.valid() || opened != mapping.file) {
        file = base::UniqueFd(base::k_adopt, ::open(tables_.name_of(tables_.files[mapping.file]),
                                                    O_RDONLY | O_CLOEXEC, 0));
        opened = mapping.file;
        struct stat info = {};
        if (!file.valid() || ::fstat(file.get(), &info) != 0 ||
            !is_same(tables_.files[opened], info))
          return "a file has changed";
      }
      source = file.get();
      if (mapping.shared != 0) flags = MAP_SHARED | MAP_FIXED;
    }
    if (failed(map(start, size, protection, flags, source, mapping.offset)))
      return "a mapping is refused";
  }
  return nullptr;
}

const char* Restorer::adopt_thread() noexcept {
  const image::Header& head = *tables_.header;
  constexpr long k_robust_list_size = 24;
  if (failed(::syscall(SYS_arch_prctl, ARCH_SET_FS, head.thread)) ||
      failed(::syscall(SYS_set_robust_list, pointer(head.robust_list), k_robust_list_size)))
    return "the thread is refused";
  *static_cast<std::int32_t*>(pointer(head.thread_number)) =
      static_cast<std::int32_t>(::syscall(SYS_set_tid_address, pointer(head.thread_number)));
  if (head.rseq_size == 0) return nullptr;
  constexpr unsigned k_signature = 0x53053053;  // the C library's
  auto* const area = static_cast<std::uint32_t*>(pointer(head.rseq));
  std::memset(area, 0, head.rseq_size);
  area[1] = static_cast<std::uint32_t>(-1);  // on no processor yet
  return failed(::syscall(SYS_rseq, area, head.rseq_size, 0L, k_signature))
             ? "restartable sequences are refused"
             : nullptr;
}

/// What the caller ignores stays so; the interpreter hears of it like any other's.
const char* Restorer::adopt_handlers() noexcept {
  constexpr long k_set_size = 8;
  for (const image::Handler& handler : tables_.handlers) {
    std::uint64_t now[4] = {};
    if (failed(::syscall(SYS_rt_sigaction, handler.signal, nullptr, now, k_set_size))) continue;
    if (now[0] == 1) continue;  // SIG_IGN
    const std::uint64_t action[] = {handler.handler, handler.flags, handler.restorer, handler.mask};
    if (failed(::syscall(SYS_rt_sigaction, handler.signal, action, nullptr, k_set_size)))
      return "a signal is refused";
  }
  return nullptr;
}

void Restorer::go_on() noexcept {
  static image::Registers registers;
  static image::Restored restored;
  registers = tables_.header->registers;
  restored.body = what_.body.data();
  restored.body_size = what_.body.size();
  restored.report = what_.report.data();
  restored.report_size = what_.report.size();
  restored.connection = what_.connection.get();
  restored.trace = what_.trace.get();
  restored.may_execute = what_.may_execute ? 1 : 0;
  restored.client[0] = stack_;
  restored.client[1] = {image::k_client_start, image::k_client_end};
  restored.client[2] = {image::k_work_start, image::k_work_end};
  base::close_number(what_.image.get());
  base::close_number(what_.signals.get());
  pml_image_go_on(&registers, &restored);
}

RestoreFailure Restorer::run() noexcept {
  using Step = const char* (Restorer::*)() noexcept;
  constexpr Step k_before[] = {&Restorer::open_image, &Restorer::find_stack, &Restorer::look,
                               &Restorer::check_files};
  constexpr Step k_steps[] = {&Restorer::move_kernel_pages, &Restorer::map_all,
                              &Restorer::adopt_thread, &Restorer::adopt_handlers};
  for (const Step step : k_before)
    if (const char* const why = (this->*step)()) {
      ::syscall(SYS_munmap, pointer(image::k_table_place), image::k_table_size);
      return {why, false};
    }
  for (const Step step : k_steps)
    if (const char* const why = (this->*step)()) return {why, true};
  go_on();
}

}  // namespace

bool can_restore() noexcept {
  return true;
}

RestoreFailure restore(const Restoring& what) {
  return Restorer(what).run();
}

}  // namespace pml::client
