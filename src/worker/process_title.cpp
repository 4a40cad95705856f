#include "worker/process_title.hpp"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"

namespace pml::worker {

namespace {

prctl_mm_map g_map{};  // all zero where it could not be read
alignas(8) std::array<char, 1024> g_auxiliary{};
unsigned g_auxiliary_size = 0;
bool g_restored = false;

constexpr std::size_t k_first_number = 3;  // the fields of proc_pid_stat(5) after the command name
constexpr std::size_t k_start_code = 26;
constexpr std::size_t k_end_code = 27;
constexpr std::size_t k_start_stack = 28;
constexpr std::size_t k_start_data = 45;
constexpr std::size_t k_end_data = 46;
constexpr std::size_t k_start_brk = 47;
constexpr std::size_t k_start_arguments = 48;  // their end, and those of the environment, follow
constexpr std::size_t k_last_number = 51;

void set_map(prctl_mm_map map) noexcept {
  if (g_map.start_code == 0) return;
  map.brk = reinterpret_cast<__u64>(::sbrk(0));
  ::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

/// The kernel reads a title only from memory that is no file's, as a restored process's heap is.
char* anonymous_block(std::size_t size) noexcept {
  if (!g_restored) return static_cast<char*>(std::malloc(size));
  void* const got =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return got != MAP_FAILED ? static_cast<char*>(got) : nullptr;
}

}  // namespace

void remember_memory_map() noexcept {
  const base::UniqueFd vector(base::k_adopt, ::open("/proc/self/auxv", O_RDONLY | O_CLOEXEC));
  const ssize_t known = ::read(vector.get(), g_auxiliary.data(), g_auxiliary.size());
  g_auxiliary_size = known > 0 ? static_cast<unsigned>(known) : 0;
  const base::UniqueFd file(base::k_adopt, ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  char text[2048];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return;
  text[size] = '\0';
  const char* rest = std::strrchr(text, ')');
  if (rest == nullptr || rest[1] == '\0') return;
  rest += 3;  // the state, a letter
  std::array<unsigned long long, k_last_number + 1> fields{};
  for (std::size_t i = k_first_number + 1; i <= k_last_number; ++i) {
    char* end = nullptr;
    fields[i] = std::strtoull(rest, &end, 10);
    if (end == rest) return;
    rest = end;
  }
  g_map.start_code = fields[k_start_code];
  g_map.end_code = fields[k_end_code];
  g_map.start_stack = fields[k_start_stack];
  g_map.start_data = fields[k_start_data];
  g_map.end_data = fields[k_end_data];
  g_map.start_brk = fields[k_start_brk];
  g_map.arg_start = fields[k_start_arguments];
  g_map.arg_end = fields[k_start_arguments + 1];
  g_map.env_start = fields[k_start_arguments + 2];
  g_map.env_end = fields[k_start_arguments + 3];
  g_map.exe_fd = static_cast<unsigned>(-1);
}

void set_title_and_environment(const std::vector<std::string_view>& arguments,
                               const std::vector<std::string_view>& environment) {
  std::size_t size = 1;
  for (std::string_view item : arguments) size += item.size() + 1;
  for (std::string_view item : environment) size += item.size() + 1;
  // Never freed: the kernel and environ(7) point into it.
  auto* block = anonymous_block(size);
  auto** table = static_cast<char**>(std::malloc((environment.size() + 1) * sizeof(char*)));
  if (block == nullptr || table == nullptr) std::abort();
  char* at = block;
  const auto append = [&at](std::string_view item) {
    std::memcpy(at, item.data(), item.size());
    at[item.size()] = '\0';
    at += item.size() + 1;
  };
  for (std::string_view item : arguments) append(item);
  char* const first_variable = at;
  for (std::size_t i = 0; i < environment.size(); ++i) {
    table[i] = at;
    append(environment[i]);
  }
  table[environment.size()] = nullptr;
  environ = table;
  prctl_mm_map map = g_map;
  map.arg_start = reinterpret_cast<__u64>(block);
  map.arg_end = map.env_start = reinterpret_cast<__u64>(first_variable);
  map.env_end = reinterpret_cast<__u64>(at);
  set_map(map);
}  // NOLINT(clang-analyzer-unix.Malloc): environ is C's own

bool adopt_memory_map(const char* executable) noexcept {
  if (g_map.start_code == 0 || g_auxiliary_size == 0) return false;
  g_restored = true;
  prctl_mm_map map = g_map;
  map.brk = reinterpret_cast<__u64>(::sbrk(0));
  map.auxv = reinterpret_cast<__u64*>(g_auxiliary.data());
  map.auxv_size = g_auxiliary_size;
  const base::UniqueFd file(base::k_adopt, ::open(executable, O_RDONLY | O_CLOEXEC));
  map.exe_fd = static_cast<unsigned>(file.get());
  if (file.valid() && ::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0) return true;
  map.exe_fd = static_cast<unsigned>(-1);
  return ::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}

void show_first_title() noexcept {
  set_map(g_map);
}

}  // namespace pml::worker
