#include "worker/process_title.hpp"

#include <fcntl.h>
#include <linux/prctl.h>
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

}  // namespace

void remember_memory_map() noexcept {
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
  // Never freed: the kernel and environ(7) point into it. Anonymous, as the kernel asks for.
  auto* block = static_cast<char*>(std::malloc(size));
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
  prctl_mm_map map = g_map;  // NOLINT(clang-analyzer-unix.Malloc): environ is C's own
  map.arg_start = reinterpret_cast<__u64>(block);
  map.arg_end = map.env_start = reinterpret_cast<__u64>(first_variable);
  map.env_end = reinterpret_cast<__u64>(at);
  set_map(map);
}

void show_first_title() noexcept {
  set_map(g_map);
}

}  // namespace pml::worker
