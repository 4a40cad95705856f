#pragma once

#include <cstddef>
#include <cstdint>

/// A warm interpreter's memory in a sealed memfd: a Header, its tables, then the contents of pages.
/// All addresses are those of the process that was imaged, and of every process that is restored.
namespace pml::image {

inline constexpr std::uint64_t k_magic = 0x0031'676d'692d'6d70;
inline constexpr std::uint64_t k_page = 4096;
/// Header and tables, and where the contents begin; the client maps as much.
inline constexpr std::uint64_t k_table_size = 1U << 20;

/// @name Where a client works while it restores; no image has anything there.
/// @{
inline constexpr std::uint64_t k_client_start = 0x10'0000;  ///< its own file: see meson.build
inline constexpr std::uint64_t k_client_end = 0x40'0000;
inline constexpr std::uint64_t k_work_start = 0x10'0000'0000;  ///< what it allocates
inline constexpr std::uint64_t k_table_place = 0x20'0000'0000;
inline constexpr std::uint64_t k_aside_place = 0x28'0000'0000;   ///< of the vDSO on its way
inline constexpr std::uint64_t k_writer_place = 0x2c'0000'0000;  ///< what an image's writer needs
inline constexpr std::uint64_t k_work_end = 0x30'0000'0000;
/// @}
inline constexpr std::uint64_t k_address_end = 0x7fff'ffff'f000;

struct Span {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

enum class Kind : std::uint32_t {
  file = 1,   ///< mapped from `file` at `offset`
  bytes = 2,  ///< mapped from the image at `offset`
  zero = 3,   ///< nothing was ever written there
  stack = 4,  ///< grows down; from `contents` on its bytes are the image's at `offset`
};

struct Mapping {
  Span at;
  std::uint64_t offset = 0;
  std::uint64_t contents = 0;    ///< of a stack
  std::uint32_t protection = 0;  ///< PROT_READ, PROT_WRITE, PROT_EXEC
  Kind kind = Kind::zero;
  std::uint32_t file = 0;    ///< place in the table of files
  std::uint32_t shared = 0;  ///< 1: as it was mapped, of a file that is only read
};

/// A file, and by what it is known again.
struct File {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified[2] = {};  ///< seconds, nanoseconds
  std::int64_t changed[2] = {};
  std::uint32_t name = 0;  ///< offset in the image; a NUL follows
  std::uint32_t name_size = 0;
};

/// As rt_sigaction(2) takes it.
struct Handler {
  std::uint64_t signal = 0;
  std::uint64_t handler = 0;
  std::uint64_t flags = 0;
  std::uint64_t restorer = 0;
  std::uint64_t mask = 0;
};

/// What a call must preserve, and where it returns to. switch.cpp knows the order.
struct Registers {
  std::uint64_t rbx = 0, rbp = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  std::uint64_t rsp = 0, rip = 0;
  std::uint32_t mxcsr = 0;
  std::uint32_t x87 = 0;
};

inline constexpr std::size_t k_most_handlers = 64;
inline constexpr std::size_t k_most_kernel_pages = 6;

struct Header {
  std::uint64_t magic = k_magic;
  std::uint64_t size = 0;  ///< of the whole image
  std::uint32_t mapping_count = 0;
  std::uint32_t mappings = 0;  ///< offset
  std::uint32_t file_count = 0;
  std::uint32_t files = 0;  ///< offset
  std::uint32_t handler_count = 0;
  std::uint32_t kernel_page_count = 0;
  std::int32_t process = 0;  ///< the number of the one that was imaged
  std::uint32_t rseq_size = 0;
  Registers registers;
  std::uint64_t thread = 0;  ///< FS base
  std::uint64_t thread_number = 0;
  std::uint64_t robust_list = 0;
  std::uint64_t rseq = 0;
  std::uint64_t vdso = 0;
  Span kernel_pages[k_most_kernel_pages];  ///< [vvar] … [vdso], lowest first, without a gap
  Handler handlers[k_most_handlers];
};

/// What a restored process finds of the client that it was; made by the client, in its memory.
struct Restored {
  const char* body = nullptr;  ///< the encoded request
  std::uint64_t body_size = 0;
  const char* report = nullptr;  ///< abstract address to which the end is told
  std::uint64_t report_size = 0;
  std::int32_t connection = -1;   ///< to the service
  std::int32_t trace = -1;        ///< a descriptor to which a refusal is told, or -1
  std::uint32_t may_execute = 1;  ///< 0: after --no-fallback, which fails instead
  std::uint32_t reserved = 0;
  Span client[3];  ///< what is to be unmapped
};

}  // namespace pml::image
