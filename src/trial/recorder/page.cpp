#include "trial/recorder/page.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

extern "C" {
__attribute__((visibility("default"))) void pml_recorder_note(const char* module);
__attribute__((visibility("default"))) unsigned pml_recorder_attend(unsigned attention);
}

namespace pml::trial {

namespace {

RecordPage* g_page = nullptr;
const void* g_program = nullptr;  // where the interpreter's own file lies
std::atomic<std::uint32_t> g_module_number;

/// Of what has been told already.
constexpr std::size_t k_seen = 1U << 14;
std::array<std::atomic<std::uint64_t>, k_seen> g_seen;

void copy(char* to, std::size_t size, const char* from) noexcept {
  const std::size_t length = std::min(std::strlen(from), size - 1);
  std::memcpy(to, from, length);
  to[length] = '\0';
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

std::uint64_t mixed(std::uint64_t hash, const char* text) noexcept {
  for (; *text != '\0'; ++text) hash = mixed(hash, static_cast<unsigned char>(*text));
  return hash;
}

/// Whether it is the first of its kind; a table that is full tells all.
bool is_new(std::uint64_t hash) noexcept {
  hash |= 1;  // 0: an empty place
  for (std::size_t step = 0; step < 64; ++step) {
    std::atomic<std::uint64_t>& place = g_seen[(hash + step) % k_seen];
    std::uint64_t found = place.load(std::memory_order_relaxed);
    if (found == 0 && place.compare_exchange_strong(found, hash)) return true;
    if (found == hash) return false;
  }
  return true;
}

const char* last_part(const char* path) noexcept {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

/// Whose questions are the interpreter's: Python's own are heard elsewhere.
bool is_of_the_interpreter(const Dl_info& info) noexcept {
  if (info.dli_fbase == g_program) return true;
  const char* const name = last_part(info.dli_fname);
  for (const char* known : {"libpython", "libc.so", "libc-", "libc.musl", "ld-linux", "ld-musl",
                            "ld64", "ld-2", "libpthread", "libdl.so", "librt.so", "libm.so"})
    if (std::strncmp(name, known, std::strlen(known)) == 0) return true;
  return false;
}

int note_program(dl_phdr_info* info, std::size_t /*size*/, void* /*unused*/) noexcept {
  // The first is the program.
  for (int i = 0; i < info->dlpi_phnum; ++i)
    if (info->dlpi_phdr[i].p_type == PT_LOAD) {
      Dl_info place{};
      const std::uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the dynamic linker tells numbers
      if (::dladdr(reinterpret_cast<const void*>(start), &place) != 0) g_program = place.dli_fbase;
      return 1;
    }
  return 1;
}

/// Takes this library, the first of the list, out of LD_PRELOAD: what is started from here is not
/// recorded.
void leave_environment() noexcept {
  ::unsetenv(k_recorder_variable);
  const char* const list = std::getenv("LD_PRELOAD");
  const char* const rest = list != nullptr ? std::strchr(list, ':') : nullptr;
  if (rest == nullptr)
    ::unsetenv("LD_PRELOAD");
  else
    ::setenv("LD_PRELOAD", rest + 1, 1);
}

__attribute__((constructor)) void start() noexcept {
  const char* const number = std::getenv(k_recorder_variable);
  if (number == nullptr) return;
  const int descriptor = std::atoi(number);  // NOLINT: whatever it is, mmap says
  void* const memory =
      ::mmap(nullptr, sizeof(RecordPage), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  leave_environment();
  if (memory == MAP_FAILED) return;
  ::dl_iterate_phdr(note_program, nullptr);
  g_page = static_cast<RecordPage*>(memory);
  g_page->awake = 1;
}

}  // namespace

void record(RecordKind kind, const char* name, const void* caller, bool of_all) noexcept {
  RecordPage* const page = g_page;
  if (page == nullptr || name == nullptr) return;
  std::uint64_t hash = mixed(static_cast<std::uint64_t>(kind), name);
  hash = mixed(hash, reinterpret_cast<std::uintptr_t>(caller));
  if (!is_new(mixed(hash, g_module_number.load(std::memory_order_relaxed)))) return;
  const int error = errno;
  Dl_info info{};
  const bool known = ::dladdr(caller, &info) != 0 && info.dli_fname != nullptr;
  errno = error;
  if (known && !of_all && is_of_the_interpreter(info)) return;
  const std::uint32_t slot = page->count.fetch_add(1);
  if (slot >= k_record_slots) return;
  Record& record = page->records[slot];
  record.kind = kind;
  copy(record.library, sizeof record.library, known ? last_part(info.dli_fname) : "?");
  copy(record.name, sizeof record.name, name);
  copy(record.module, sizeof record.module, page->module);
  record.ready.store(1, std::memory_order_release);
}

}  // namespace pml::trial

/// Says which module is being imported from now on; empty: none.
void pml_recorder_note(const char* module) {
  using namespace pml::trial;  // NOLINT: the one function that has a C name
  if (g_page == nullptr) return;
  g_page->sequence.fetch_add(1);
  copy(g_page->module, sizeof g_page->module, module);
  g_page->sequence.fetch_add(1);
  g_module_number.fetch_add(1);
}

/// How closely the observer is to look from now on; returns what was before.
unsigned pml_recorder_attend(unsigned attention) {
  using namespace pml::trial;  // NOLINT
  if (g_page == nullptr) return attention;
  return static_cast<unsigned>(g_page->attention.exchange(static_cast<Attention>(attention)));
}
