#include "ctl/memory.hpp"

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace pml::ctl {

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint64_t value_after(std::string_view text, std::string_view key) {
  std::uint64_t sum = 0;
  const std::size_t at = text.find("\n" + std::string(key) + ":");
  if (at == std::string_view::npos) return 0;
  const std::size_t digits = text.find_first_of("0123456789", at + key.size());
  if (digits != std::string_view::npos)
    std::from_chars(text.data() + digits, text.data() + text.size(), sum);
  return sum;
}

Memory memory_of(const std::string& pid) {
  return parse_smaps_rollup(read_file("/proc/" + pid + "/smaps_rollup"));
}

}  // namespace

Memory& Memory::operator+=(const Memory& other) noexcept {
  pss += other.pss;
  shared += other.shared;
  own += other.own;
  return *this;
}

Memory parse_smaps_rollup(std::string_view text) {
  return {value_after(text, "Pss"),
          value_after(text, "Shared_Clean") + value_after(text, "Shared_Dirty"),
          value_after(text, "Private_Clean") + value_after(text, "Private_Dirty")};
}

PoolMemory memory_of_pool(pid_t zygote) {
  PoolMemory memory;
  if (zygote <= 0) return memory;
  const std::string pid = std::to_string(zygote);
  memory.zygote = memory.all = memory_of(pid);
  memory.processes = memory.zygote.pss > 0 ? 1 : 0;
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  for (std::string child; children >> child;) {
    memory.all += memory_of(child);
    ++memory.processes;
  }
  memory.all.shared = memory.zygote.shared;
  return memory;
}

}  // namespace pml::ctl
