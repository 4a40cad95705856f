#include "client/context.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/session_keyring.hpp"

namespace pml::client {

namespace {

constexpr int k_probed_descriptors = 32;
constexpr int k_deadline_policy = 6;  // SCHED_DEADLINE
// Of prctl(2), where headers are older than the kernel: PR_GET_MDWE, PR_GET_MEMORY_MERGE,
// PR_SCHED_CORE, whose question 0 about the process 0 is for its cookie.
constexpr int k_get_deny_write_execute = 66;
constexpr int k_get_memory_merge = 68;
constexpr int k_core_scheduling = 62;

// What libc has no names for: a directory entry of getdents64(2), up to its name, and the
// attributes of sched_getattr(2), the first version.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short size;
  unsigned char type;
};
constexpr std::size_t k_name_offset = offsetof(DirectoryEntry, type) + 1;

struct SchedulingAttributes {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};
constexpr std::uint64_t k_reset_on_fork_flag = 1;
constexpr int k_io_of_process = 1;  // IOPRIO_WHO_PROCESS, which no header of the C library has

bool contains(std::span<const int> numbers, int number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

// Asks for one number after the other until `count` are found. Cheaper than reading the folder
// where all are low, as nearly always.
std::optional<std::vector<int>> probe(std::size_t count, std::span<const int> own) {
  std::vector<int> found;
  for (int number = 0; number < k_probed_descriptors && found.size() < count; ++number)
    if (!contains(own, number) && ::fcntl(number, F_GETFD) >= 0) found.push_back(number);
  if (found.size() < count) return std::nullopt;
  return found;
}

// Reads the whole of /proc/self/fd.
std::optional<std::vector<int>> enumerate(std::span<const int> own) {
  const base::UniqueFd folder(base::k_adopt,
                              ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return std::nullopt;
  std::vector<int> found;
  alignas(DirectoryEntry) char buffer[8192];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, folder.get(), buffer, sizeof buffer);
    if (size < 0) return std::nullopt;
    if (size == 0) break;
    for (long at = 0; at < size;) {
      const char* name = buffer + at + k_name_offset;
      at += reinterpret_cast<const DirectoryEntry*>(buffer + at)->size;
      int number = -1;
      const char* end = name + std::strlen(name);
      if (std::from_chars(name, end, number).ptr != end) continue;
      if (number != folder.get() && !contains(own, number)) found.push_back(number);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool read_scheduling(wire::Request& request) {
  SchedulingAttributes attributes{};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return false;
  if (attributes.policy == k_deadline_policy) return false;
  request.scheduler = static_cast<std::int32_t>(attributes.policy);
  if ((attributes.flags & k_reset_on_fork_flag) != 0) request.scheduler |= SCHED_RESET_ON_FORK;
  request.scheduler_priority = static_cast<std::int32_t>(attributes.priority);
  request.nice = attributes.nice;
  if (attributes.priority != 0) request.nice = ::getpriority(PRIO_PROCESS, 0);
  return true;
}

bool read_affinity(wire::Request& request, Context& context) {
  const long size =
      ::syscall(SYS_sched_getaffinity, 0, context.affinity.size(), context.affinity.data());
  if (size <= 0) return false;
  request.affinity = {context.affinity.data(), static_cast<std::size_t>(size)};
  return true;
}

bool read_oom_score(wire::Request& request) {
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
  char text[16];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : -1;
  return size > 0 && std::from_chars(text, text + size, request.oom_score_adjust).ec == std::errc();
}

void read_coredump_filter(wire::Request& request) {
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/coredump_filter", O_RDONLY | O_CLOEXEC));
  char text[16];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : -1;
  if (size > 0) std::from_chars(text, text + size, request.coredump_filter, 16);
}

bool read_limits(wire::Request& request) {
  for (unsigned i = 0; i < wire::k_limit_count; ++i) {
    rlimit limit{};
    if (::syscall(SYS_prlimit64, 0, i, nullptr, &limit) != 0) return false;
    request.limits[i] = {limit.rlim_cur, limit.rlim_max};
  }
  return true;
}

void read_folder_path(wire::Request& request, Context& context) {
  const long size = ::syscall(SYS_getcwd, context.folder_path.data(), context.folder_path.size());
  // A folder that was removed or cannot be reached has no path that leads to it.
  if (size > 1 && context.folder_path[0] == '/')
    request.cwd = {context.folder_path.data(), static_cast<std::size_t>(size) - 1};
}

bool read_folder(wire::Request& request, Context& context) {
  context.folder = base::UniqueFd(base::k_adopt, ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!context.folder.valid()) return false;
  read_folder_path(request, context);
  return true;
}

void read_identity(wire::Request& request) {
  const pid_t self = ::getpid();
  if (::getpgid(0) == self) request.flags |= wire::k_flag_group_leader;
  if (::getsid(0) == self) request.flags |= wire::k_flag_session_leader;
  request.umask = ::umask(0);
  ::umask(request.umask);
}

void read_environment(wire::Request& request) {
  for (char** entry = environ; *entry != nullptr; ++entry) request.environment.emplace_back(*entry);
}

bool has_timer() {
  for (const int kind : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer{};
    ::syscall(SYS_getitimer, kind, &timer);
    if (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0) return true;
  }
  return false;
}

int asked_of(int question) {
  int answer = 0;
  ::prctl(question, &answer, 0, 0, 0);
  return answer;
}

/// What a process takes along when it executes another program and cannot hand over. Its name, or
/// nothing.
std::string_view bound_to_process(SignalSet blocked) {
  constexpr int k_usual_memory_failure = 2;  // PR_MCE_KILL_DEFAULT
  if ((pending_signals() & blocked) != 0) return "pending signals";
  if (has_timer()) return "a running timer";
  if (asked_of(PR_GET_PDEATHSIG) != 0) return "a signal at the parent's death";
  if (asked_of(PR_GET_CHILD_SUBREAPER) != 0) return "a reaper of orphans";
  if (::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) > 0) return "secure bits";
  if (::prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) > 0) return "huge pages switched off";
  const int failure = ::prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
  if (failure >= 0 && failure != k_usual_memory_failure) return "memory failure policy";
  if (::prctl(k_get_deny_write_execute, 0, 0, 0, 0) > 0) return "memory that may not be executed";
  if (::prctl(k_get_memory_merge, 0, 0, 0, 0) > 0) return "merged memory";
  std::uint64_t cookie = 0;
  if (::prctl(k_core_scheduling, 0, 0, 0, reinterpret_cast<unsigned long>(&cookie)) == 0 &&
      cookie != 0)
    return "core scheduling";
  int policy = 0;
  if (::syscall(SYS_get_mempolicy, &policy, nullptr, 0, nullptr, 0) == 0 && policy != 0)
    return "memory policy";
  return {};
}

}  // namespace

std::optional<std::vector<int>> open_descriptors(std::span<const int> own) {
  struct stat info = {};
  if (::stat("/proc/self/fd", &info) != 0) return std::nullopt;
  // The size is the number of descriptors since Linux 6.2, 0 before.
  const auto count = static_cast<std::size_t>(info.st_size);
  if (count >= own.size() && count != 0)
    if (auto found = probe(count - own.size(), own)) return found;
  return enumerate(own);
}

std::optional<Reason> collect_context(wire::Request& request, Context& context,
                                      std::span<const int> own, SignalSet blocked) {
  if (const auto part = bound_to_process(blocked); !part.empty()) return reasons::context(part);
  auto inherited = open_descriptors(own);
  if (!inherited) return reasons::context("open descriptors");
  context.inherited = std::move(*inherited);
  read_environment(request);
  read_identity(request);
  request.blocked_signals = blocked;
  request.ignored_signals = ignored_signals();
  request.personality = ::personality(0xffffffff);
  if (request.personality < 0) return reasons::context("personality");
  if (!read_limits(request)) return reasons::context("resource limits");
  if (!read_scheduling(request)) return reasons::context("scheduling");
  if (!read_affinity(request, context)) return reasons::context("processor affinity");
  if (!read_oom_score(request)) return reasons::context("oom_score_adj");
  request.io_priority = static_cast<std::int32_t>(::syscall(SYS_ioprio_get, k_io_of_process, 0));
  request.timer_slack = static_cast<std::uint64_t>(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
  request.session_keyring = base::used_session_keyring();
  read_coredump_filter(request);
  if (!read_folder(request, context)) return reasons::context("current folder");
  return std::nullopt;
}

bool collect_own_context(wire::Request& request, Context& context, SignalSet blocked) {
  read_environment(request);
  request.blocked_signals = blocked;
  request.ignored_signals = ignored_signals();
  read_folder_path(request, context);
  return read_limits(request);
}

}  // namespace pml::client
