#include "image/memory_list.hpp"

#include <charconv>

namespace pml::image {

namespace {

/// VmFlags that a mapping has again once it is mapped again, or that are a matter of time alone.
/// All others, those of later kernels among them, are not known to be.
constexpr std::string_view k_plain_flags = "rd wr ex sh mr mw me ms gd ac nr hg nh mg sd ";

std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view take_word(std::string_view& line) noexcept {
  const std::size_t start = line.find_first_not_of(' ');
  line.remove_prefix(start == std::string_view::npos ? line.size() : start);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

bool hexadecimal(std::string_view word, std::uint64_t& value) noexcept {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  return error == std::errc() && end == word.data() + word.size();
}

/// "START-END rwxp OFFSET DEVICE INODE   NAME"
bool parse_head(std::string_view line, Region& region) noexcept {
  const std::string_view range = take_word(line);
  const std::size_t dash = range.find('-');
  const std::string_view access = take_word(line);
  if (dash == std::string_view::npos || access.size() != 4 ||
      !hexadecimal(range.substr(0, dash), region.at.start) ||
      !hexadecimal(range.substr(dash + 1), region.at.end) ||
      !hexadecimal(take_word(line), region.offset))
    return false;
  region.protection =
      (access[0] == 'r' ? 1U : 0U) | (access[1] == 'w' ? 2U : 0U) | (access[2] == 'x' ? 4U : 0U);
  region.shared = access[3] == 's';
  (void)take_word(line);
  (void)take_word(line);
  const std::size_t name = line.find_first_not_of(' ');
  if (name != std::string_view::npos) region.name = line.substr(name);
  return true;
}

bool is_head(std::string_view line) noexcept {
  return !line.empty() &&
         ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f'));
}

std::string_view value_of(std::string_view line, std::string_view name) noexcept {
  if (!line.starts_with(name)) return {};
  line.remove_prefix(name.size());
  const std::size_t start = line.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view() : line.substr(start);
}

bool has_flag(const Region& region, std::string_view flag) noexcept {
  std::string_view rest = region.flags;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest))
    if (word == flag) return true;
  return false;
}

bool is_plain(std::string_view flags) noexcept {
  for (std::string_view word = take_word(flags); !word.empty(); word = take_word(flags)) {
    if (word.size() != 2) return false;
    const std::size_t found = k_plain_flags.find(word);
    if (found == std::string_view::npos || found % 3 != 0) return false;
  }
  return true;
}

}  // namespace

std::optional<std::span<Region>> parse_memory_list(std::string_view text,
                                                   std::span<Region> room) noexcept {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (is_head(line)) {
      if (count == room.size()) return std::nullopt;
      room[count] = Region();
      if (!parse_head(line, room[count++])) return std::nullopt;
      continue;
    }
    if (count == 0) return std::nullopt;
    Region& region = room[count - 1];
    if (const auto flags = value_of(line, "VmFlags:"); !flags.empty()) region.flags = flags;
    if (const auto key = value_of(line, "ProtectionKey:"); !key.empty() && key != "0")
      region.keyed = true;
  }
  for (const Region& region : room.first(count))
    if (region.flags.empty()) return std::nullopt;  // a kernel without them
  return room.first(count);
}

bool is_kernels(const Region& region) noexcept {
  return region.name == "[vvar]" || region.name == "[vvar_vclock]" || region.name == "[vdso]" ||
         region.name == "[vsyscall]";
}

const char* obstacle(const Region& region) noexcept {
  const std::string_view name = region.name;
  if (region.keyed) return "memory with a protection key";
  if (!is_plain(region.flags)) return "memory with a property of its own";
  if (has_flag(region, "gd") != (name == "[stack]")) return "a second stack";
  if (region.shared && (name.empty() || has_flag(region, "mw") || !name.starts_with('/')))
    return "shared memory";
  if (name.empty() || name == "[heap]" || name == "[stack]") return nullptr;
  if (name.starts_with("[anon:")) return nullptr;
  if (!name.starts_with('/')) return "a mapping of an unknown kind";
  if (name.ends_with(" (deleted)")) return "a file that is gone";
  if (name.starts_with("/dev/") || name.starts_with("/memfd:") || name.starts_with("/SYSV"))
    return "a device, or memory that is a file";
  if (name.find('\\') != std::string_view::npos) return "a file whose name is not plain";
  return nullptr;
}

}  // namespace pml::image
