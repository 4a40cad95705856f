#include "service/confinement.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <span>

#include "base/check.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace pml::service {

namespace {

constexpr std::size_t k_status_size = 8192;
constexpr std::size_t k_label_size = 512;

struct Named {
  StatusLines::Line line;
  std::string_view name;
};
// In the order in which the kernel prints them, so that one pass suffices.
constexpr std::array<Named, StatusLines::count> k_lines = {{
    {StatusLines::tracer, "TracerPid:\t"},
    {StatusLines::uid, "Uid:\t"},
    {StatusLines::gid, "Gid:\t"},
    {StatusLines::groups, "Groups:\t"},
    {StatusLines::inheritable, "CapInh:\t"},
    {StatusLines::permitted, "CapPrm:\t"},
    {StatusLines::effective, "CapEff:\t"},
    {StatusLines::bounding, "CapBnd:\t"},
    {StatusLines::ambient, "CapAmb:\t"},
    {StatusLines::no_new_privs, "NoNewPrivs:\t"},
    {StatusLines::seccomp, "Seccomp:\t"},
    {StatusLines::seccomp_filters, "Seccomp_filters:\t"},
    {StatusLines::store_bypass, "Speculation_Store_Bypass:\t"},
    {StatusLines::indirect_branch, "SpeculationIndirectBranch:\t"},
}};

/// One read(2) of a small file of /proc; -1 where it cannot be opened or read.
ssize_t read_once(int folder, const char* name, std::span<char> buffer) noexcept {
  const base::UniqueFd file(base::k_adopt, ::openat(folder, name, O_RDONLY | O_CLOEXEC));
  return file.valid() ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
}

std::string_view read_text(int folder, const char* name, std::span<char> buffer) noexcept {
  const ssize_t size = read_once(folder, name, buffer);
  return size > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(size))
                  : std::string_view();
}

bool read_places(int folder, Places& places) noexcept {
  for (std::size_t i = 0; i < k_places.size(); ++i) {
    struct stat info = {};
    if (::fstatat(folder, k_places[i], &info, 0) == 0)
      places[i] = {info.st_dev, info.st_ino};
    else if (errno != ENOENT)  // a kernel without this kind of namespace
      return false;
  }
  return true;
}

bool has_ended(const base::UniqueFd& process) noexcept {
  pollfd entry{process.get(), POLLIN, 0};
  return process.valid() && ::poll(&entry, 1, 0) != 0;
}

base::UniqueFd peer_process(base::BorrowedFd connection) noexcept {
  int process = -1;
  socklen_t size = sizeof process;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERPIDFD, &process, &size) != 0) return {};
  return {base::k_adopt, process};
}

/// 0 for what is no number: a kernel that does not print the line.
std::uint64_t number(std::string_view text, int base) noexcept {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

/// How many seccomp filters hold a process; strict mode counts as more than any.
std::uint64_t filters_of(const StatusLines& lines) noexcept {
  constexpr std::uint64_t k_strict = 1;
  const std::uint64_t mode = number(lines.value[StatusLines::seccomp], 10);
  if (mode == k_strict) return ~std::uint64_t{0};
  // Kernels before 5.9 do not count them.
  return mode == 0
             ? 0
             : std::max<std::uint64_t>(1, number(lines.value[StatusLines::seccomp_filters], 10));
}

constexpr Denial k_unreadable{wire::Refusal::other_namespace,
                              "the kernel does not show the caller's namespaces"};

}  // namespace

StatusLines parse_status(std::string_view text) noexcept {
  StatusLines lines;
  std::size_t next = 0;
  while (!text.empty() && next < k_lines.size()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    for (std::size_t i = next; i < k_lines.size(); ++i) {
      if (!line.starts_with(k_lines[i].name)) continue;
      lines.value[k_lines[i].line] = line.substr(k_lines[i].name.size());
      next = i + 1;
      break;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::optional<Denial> compare(const StatusLines& own, const StatusLines& peer) noexcept {
  using Lines = StatusLines;
  const auto differs = [&](Lines::Line line) { return own.value[line] != peer.value[line]; };
  if (peer.value[Lines::uid].empty())
    return Denial{wire::Refusal::confined, "the caller's status cannot be read"};
  if (differs(Lines::uid)) return Denial{wire::Refusal::other_user, "user ids"};
  if (differs(Lines::gid)) return Denial{wire::Refusal::other_user, "group ids"};
  if (differs(Lines::groups)) return Denial{wire::Refusal::other_user, "supplementary groups"};
  if (peer.value[Lines::tracer] != "0")
    return Denial{wire::Refusal::traced, "a tracer is attached"};
  // A container's filter holds all its services, but not a shell that was put into it from outside.
  if (number(peer.value[Lines::no_new_privs], 10) > number(own.value[Lines::no_new_privs], 10))
    return Denial{wire::Refusal::confined, "no_new_privs"};
  if (filters_of(peer) > filters_of(own)) return Denial{wire::Refusal::confined, "seccomp"};
  for (const Lines::Line line :
       {Lines::inheritable, Lines::permitted, Lines::effective, Lines::ambient})
    if (differs(line)) return Denial{wire::Refusal::confined, "capabilities"};
  for (const Lines::Line line : {Lines::store_bypass, Lines::indirect_branch})
    if (differs(line)) return Denial{wire::Refusal::confined, "speculation"};
  const std::uint64_t beyond =
      number(own.value[Lines::bounding], 16) & ~number(peer.value[Lines::bounding], 16);
  if (beyond != 0) return Denial{wire::Refusal::confined, "capabilities"};
  return std::nullopt;
}

std::optional<Denial> compare(const Places& own, const Places& peer) noexcept {
  for (std::size_t i = 0; i < own.size(); ++i)
    if (own[i] != peer[i]) return Denial{wire::Refusal::other_namespace, k_places[i]};
  return std::nullopt;
}

Gatekeeper::Gatekeeper() : places_{} {
  const base::UniqueFd self(base::k_adopt, ::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  base::check(self.get(), "cannot open /proc/self");
  char buffer[k_status_size];
  status_ = read_text(self.get(), "status", buffer);
  own_ = parse_status(status_);
  label_ = read_text(self.get(), "attr/current", buffer);
  login_ = read_text(self.get(), "loginuid", buffer);
  if (own_.value[StatusLines::uid].empty() || !read_places(self.get(), places_))
    base::throw_errno(errno != 0 ? errno : EIO, "cannot read /proc/self");
}

Gatekeeper::Verdict Gatekeeper::examine(base::BorrowedFd connection) const noexcept {
  Verdict verdict;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
    verdict.denial = k_unreadable;
    return verdict;
  }
  verdict.pid = peer.pid;
  if (peer.uid != ::geteuid() || peer.gid != ::getegid()) {
    verdict.denial = Denial{wire::Refusal::other_user, "user or group id"};
    return verdict;
  }
  const base::UniqueFd process = peer_process(connection);
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d", static_cast<int>(peer.pid));
  const base::UniqueFd folder(base::k_adopt, ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  char buffer[k_status_size];
  verdict.denial = compare(own_, parse_status(read_text(folder.get(), "status", buffer)));
  if (verdict.denial) return verdict;
  Places places{};
  if (!read_places(folder.get(), places)) {
    verdict.denial = k_unreadable;
    return verdict;
  }
  verdict.denial = compare(places_, places);
  if (!verdict.denial && label_ != read_text(folder.get(), "attr/current", {buffer, k_label_size}))
    verdict.denial = Denial{wire::Refusal::confined, "security label"};
  // Where nobody has logged in, a worker can answer so.
  constexpr std::string_view k_nobody = "4294967295";
  const std::string_view login = read_text(folder.get(), "loginuid", {buffer, k_label_size});
  if (!verdict.denial && login_ != login && login != k_nobody)
    verdict.denial = Denial{wire::Refusal::other_user, "login user id"};
  // Its number could have gone to another process while this looked.
  if (!verdict.denial && has_ended(process))
    verdict.denial = Denial{wire::Refusal::confined, "the caller has ended"};
  return verdict;
}

}  // namespace pml::service
