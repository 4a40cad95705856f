// Bytes, strings and the free store. Compiled so that the compiler does not turn these loops into
// calls of themselves.

#include <asm/unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include "base/exit_status.hpp"
#include "image/format.hpp"

extern "C" {

long syscall(long number, ...);
extern char** environ;

void* memcpy(void* to, const void* from, std::size_t size) {
  void* const result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return result;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* target = static_cast<char*>(to);
  const auto* source = static_cast<const char*>(from);
  if (target <= source || target >= source + size) return memcpy(to, from, size);
  while (size-- > 0) target[size] = source[size];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  void* const result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}

int memcmp(const void* first, const void* second, std::size_t size) {
  const auto* a = static_cast<const unsigned char*>(first);
  const auto* b = static_cast<const unsigned char*>(second);
  for (; size > 0; --size, ++a, ++b)
    if (*a != *b) return *a - *b;
  return 0;
}

// What clang makes of a memcmp that is compared with zero.
int bcmp(const void* first, const void* second, std::size_t size) {
  return memcmp(first, second, size);
}

void* memchr(const void* bytes, int value, std::size_t size) {
  const auto* byte = static_cast<const unsigned char*>(bytes);
  for (; size > 0; --size, ++byte)
    if (*byte == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(byte);
  return nullptr;
}

std::size_t strlen(const char* text) {
  const char* end = text;
  while (*end != '\0') ++end;
  return static_cast<std::size_t>(end - text);
}

int strcmp(const char* first, const char* second) {
  for (; *first != '\0' && *first == *second; ++first, ++second) {
  }
  return static_cast<unsigned char>(*first) - static_cast<unsigned char>(*second);
}

char* getenv(const char* name) {
  const std::size_t size = strlen(name);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::size_t same = 0;
    while (same < size && (*entry)[same] == name[same]) ++same;
    if (same == size && (*entry)[size] == '=') return *entry + size + 1;
  }
  return nullptr;
}

}  // extern "C"

namespace {

constexpr std::size_t k_alignment = 16;
constexpr std::size_t k_chunk = 1U << 20;
constexpr long k_read_write = 3;            // PROT_READ | PROT_WRITE
constexpr long k_private_anonymous = 0x22;  // MAP_PRIVATE | MAP_ANONYMOUS

alignas(k_alignment) char first_chunk[64U << 10];
char* top = first_chunk;
char* chunk_end = first_chunk + sizeof first_chunk;

[[noreturn]] void give_up(const char* message) {
  syscall(__NR_write, 2, message, strlen(message));
  for (;;) syscall(__NR_exit_group, pml::base::k_exit_software);
}

constexpr std::size_t rounded(std::size_t size) {
  return (size + k_alignment - 1) & ~(k_alignment - 1);
}

void new_chunk(std::size_t size) {
  if (size < k_chunk) size = k_chunk;
  static std::uint64_t place = pml::image::k_work_start;  // only asked for: see restore/
  const long chunk = syscall(__NR_mmap, reinterpret_cast<void*>(place), size, k_read_write,
                             k_private_anonymous,  // NOLINT
                             -1L, 0L);
  place += (size + pml::image::k_page - 1) & ~(pml::image::k_page - 1);
  if (chunk == -1) give_up("pml: out of memory\n");
  top = reinterpret_cast<char*>(chunk);
  chunk_end = top + size;
}

}  // namespace

// Blocks are laid one after the other and never used again, but for the last one: the process is
// short and its memory goes with it.
void* operator new(std::size_t size) {
  size = rounded(size);
  if (size > static_cast<std::size_t>(chunk_end - top)) new_chunk(size);
  char* block = top;
  top += size;
  return block;
}

void operator delete(void* block, std::size_t size) noexcept {
  if (static_cast<char*>(block) + rounded(size) == top) top = static_cast<char*>(block);
}

void operator delete(void*) noexcept {}

namespace std {

// The C++ library calls these where it would throw: defects, all of them.
void __throw_length_error(const char*) {
  give_up("pml: a text is too long\n");
}
void __throw_logic_error(const char*) {
  give_up("pml: defect: logic error\n");
}
void __throw_out_of_range_fmt(const char*, ...) {
  give_up("pml: defect: out of range\n");
}
void __throw_bad_alloc() {
  give_up("pml: out of memory\n");
}
void __throw_bad_array_new_length() {
  give_up("pml: out of memory\n");
}
#if _GLIBCXX_RELEASE >= 13
// Where the build asks for the library's own checks.
[[noreturn]] void __glibcxx_assert_fail(const char*, int, const char*, const char*) noexcept {
  give_up("pml: defect: an assertion of the C++ library\n");
}
#endif

}  // namespace std

#if _GLIBCXX_RELEASE >= 14
// From there on the headers leave it to the library, whatever _GLIBCXX_EXTERN_TEMPLATE says.
template class std::basic_string<char>;
#endif
