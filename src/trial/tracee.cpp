#include "trial/tracee.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace pml::trial {

namespace {

/// Reading never crosses into a page that may not be there.
constexpr std::uint64_t k_page = 4096;

/// Not by where its links lead: the link itself tells, as /proc/self/cwd does.
bool leads_to_a_process(std::string_view path) {
  constexpr std::array<std::string_view, 6> k_places = {
      "/proc/self", "/proc/thread-self", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"};
  if (std::any_of(k_places.begin(), k_places.end(), [path](std::string_view place) {
        return path.starts_with(place) &&
               (path.size() == place.size() || path[place.size()] == '/');
      }))
    return true;
  constexpr std::string_view k_proc = "/proc/";
  return path.starts_with(k_proc) && path.size() > k_proc.size() && path[k_proc.size()] >= '0' &&
         path[k_proc.size()] <= '9';
}

}  // namespace

bool Tracee::read(std::uint64_t address, void* to, std::size_t size) const noexcept {
  iovec near{to, size};
  iovec far{reinterpret_cast<void*>(address), size};  // NOLINT: of another process
  return ::process_vm_readv(thread_, &near, 1, &far, 1, 0) == static_cast<ssize_t>(size);
}

std::string Tracee::bytes(std::uint64_t address, std::size_t size) const {
  std::string all;
  std::array<char, k_page> part;
  while (all.size() < size) {
    const std::uint64_t at = address + all.size();
    const std::size_t wanted =
        std::min<std::size_t>(size - all.size(), k_page - static_cast<std::size_t>(at % k_page));
    if (!read(at, part.data(), wanted)) break;
    all.append(part.data(), wanted);
  }
  return all;
}

std::string Tracee::text(std::uint64_t address, std::size_t most) const {
  std::string all;
  while (address != 0 && all.size() < most) {
    const std::uint64_t at = address + all.size();
    const std::string part = bytes(
        at,
        std::min<std::size_t>(most - all.size(), k_page - static_cast<std::size_t>(at % k_page)));
    if (part.empty()) break;
    const std::size_t end = part.find('\0');
    all += part.substr(0, end);
    if (end != std::string::npos) break;
  }
  return all;
}

std::string Tracee::link(const char* what) const {
  const std::string path = "/proc/" + std::to_string(thread_) + "/" + what;
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

std::optional<struct stat> Tracee::descriptor(int number) const noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/fd/%d", thread_, number);
  struct stat info = {};
  if (::stat(path, &info) != 0) return std::nullopt;
  return info;
}

std::string Tracee::name_of_descriptor(int number) const {
  return link(("fd/" + std::to_string(number)).c_str());
}

std::string Tracee::absolute(int folder, const std::string& path) const {
  if (!path.empty() && path.front() == '/') return path;
  std::string base = folder == AT_FDCWD ? link("cwd") : name_of_descriptor(folder);
  if (path.empty() || path == ".") return base;
  return base + "/" + path;
}

/// /proc/self is the reader's own.
std::string Tracee::for_us(const std::string& path) const {
  for (const char* self : {"/proc/self", "/proc/thread-self"}) {
    const std::size_t length = std::strlen(self);
    if (path.starts_with(self) && (path.size() == length || path[length] == '/'))
      return "/proc/" + std::to_string(thread_) + path.substr(length);
  }
  return path;
}

std::optional<struct stat> Tracee::target(const std::string& path) const noexcept {
  struct stat info = {};
  if (::stat(for_us(path).c_str(), &info) != 0) return std::nullopt;
  return info;
}

std::string Tracee::real(const std::string& path) const {
  char* const found = ::realpath(path.c_str(), nullptr);
  if (found == nullptr) return path;
  std::string result(found);
  std::free(found);  // NOLINT: as realpath(3) wants it
  return result;
}

bool Tracee::is_of_a_process(const std::string& path) const {
  // What it runs is the same for all.
  if (path == "/proc/self/exe" || path == "/proc/thread-self/exe") return false;
  return leads_to_a_process(path) || leads_to_a_process(real(path));
}

}  // namespace pml::trial
