#include "worker/context.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/session_keyring.hpp"
#include "base/unique_fd.hpp"

namespace pml::worker {

namespace {

/// What the worker has of its own; the caller's is compared with it.
struct OwnContext {
  std::array<wire::Limit, wire::k_limit_count> limits{};
  int nice = 0;
  int scheduler = 0;
  int scheduler_priority = 0;
  std::string affinity;
  int oom_score_adjust = 0;
  int personality = 0;
  int io_priority = 0;
  std::uint64_t timer_slack = 0;
  std::int32_t session_keyring = 0;
  std::int32_t coredump_filter = -1;
};
OwnContext g_own;

bool apply_limit(int resource, const wire::Limit& wanted) {
  if (g_own.limits[resource] == wanted) return true;
  const rlimit limit{wanted.soft, wanted.hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
}

/// What this process has, in bytes, as the kernel counts it against the limits.
struct Size {
  std::uint64_t address_space;
  std::uint64_t data;
};

Size own_size() {
  const base::UniqueFd file(base::k_adopt, ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char text[128] = {};
  unsigned long long size = 0, data = 0;
  if (!file.valid() || ::read(file.get(), text, sizeof text - 1) <= 0 ||
      std::sscanf(text, "%llu %*u %*u %*u %*u %llu", &size, &data) != 2)
    return {UINT64_MAX, UINT64_MAX};
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {size * page, data * page};
}

/// Whether the process is so much smaller than the limits that what is preloaded makes no
/// difference.
bool has_room(const wire::Limit& address_space, const wire::Limit& data) {
  constexpr std::uint64_t k_share = 8;
  if (address_space.soft == RLIM_INFINITY && data.soft == RLIM_INFINITY) return true;
  const auto fits = [](const wire::Limit& limit, std::uint64_t used) {
    return limit.soft == RLIM_INFINITY || limit.soft / k_share >= used;
  };
  const Size own = own_size();
  return fits(address_space, own.address_space) && fits(data, own.data);
}

/// A larger stack would need a place that only execve(2) gives it. The size of a thread's stack is
/// read by the C library at its start.
bool apply_stack_limit(const wire::Limit& wanted) {
  constexpr std::uint64_t k_most_stack = 96U << 20;
  constexpr std::uint64_t k_unlimited_size = 2U << 20;
  constexpr std::uint64_t k_largest_size = std::numeric_limits<std::size_t>::max();
  const wire::Limit& own = g_own.limits[RLIMIT_STACK];
  if (wanted.soft == own.soft) return true;
  if (wanted.soft > k_most_stack && wanted.soft > own.soft) return false;
  pthread_attr_t attributes;
  ::pthread_getattr_default_np(&attributes);
  const auto size = static_cast<std::size_t>(
      wanted.soft == RLIM_INFINITY ? k_unlimited_size : std::min(wanted.soft, k_largest_size));
  const bool set = ::pthread_attr_setstacksize(
                       &attributes, std::max<std::size_t>(size, PTHREAD_STACK_MIN)) == 0 &&
                   ::pthread_setattr_default_np(&attributes) == 0;
  ::pthread_attr_destroy(&attributes);
  return set;
}

bool apply_limits(const wire::Request& request) {
  if (!has_room(request.limits[RLIMIT_AS], request.limits[RLIMIT_DATA]) ||
      !apply_stack_limit(request.limits[RLIMIT_STACK]))
    return false;
  for (std::size_t i = 0; i < request.limits.size(); ++i)
    if (i != RLIMIT_NOFILE && !apply_limit(static_cast<int>(i), request.limits[i])) return false;
  return true;
}

bool apply_nice(const wire::Request& request) {
  return g_own.nice == request.nice || ::setpriority(PRIO_PROCESS, 0, request.nice) == 0;
}

bool apply_scheduler(const wire::Request& request) {
  if (g_own.scheduler == request.scheduler &&
      g_own.scheduler_priority == request.scheduler_priority)
    return true;
  sched_param parameter{};
  parameter.sched_priority = request.scheduler_priority;
  return ::sched_setscheduler(0, request.scheduler, &parameter) == 0;
}

bool apply_affinity(const wire::Request& request) {
  if (request.affinity.empty() || g_own.affinity == request.affinity) return true;
  return ::syscall(SYS_sched_setaffinity, 0, request.affinity.size(), request.affinity.data()) == 0;
}

int own_oom_score_adjust() {
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!file.valid() || ::read(file.get(), text, sizeof text - 1) <= 0) return 0;
  return std::atoi(text);
}

bool apply_oom_score(const wire::Request& request) {
  if (g_own.oom_score_adjust == request.oom_score_adjust) return true;
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  const std::string wanted = std::to_string(request.oom_score_adjust);
  return file.valid() &&
         ::write(file.get(), wanted.data(), wanted.size()) == static_cast<ssize_t>(wanted.size());
}

constexpr int k_io_of_process = 1;  // IOPRIO_WHO_PROCESS, which no header of the C library has

bool apply_io_priority(const wire::Request& request) {
  return request.io_priority < 0 || g_own.io_priority == request.io_priority ||
         ::syscall(SYS_ioprio_set, k_io_of_process, 0, request.io_priority) == 0;
}

bool apply_timer_slack(const wire::Request& request) {
  return request.timer_slack == 0 || g_own.timer_slack == request.timer_slack ||
         ::prctl(PR_SET_TIMERSLACK, request.timer_slack, 0, 0, 0) == 0;
}

std::int32_t own_coredump_filter() {
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/coredump_filter", O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!file.valid() || ::read(file.get(), text, sizeof text - 1) <= 0) return -1;
  return static_cast<std::int32_t>(std::strtoul(text, nullptr, 16));
}

bool apply_coredump_filter(const wire::Request& request) {
  if (request.coredump_filter < 0 || g_own.coredump_filter == request.coredump_filter) return true;
  const base::UniqueFd file(base::k_adopt,
                            ::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC));
  const std::string wanted = std::to_string(request.coredump_filter);
  return file.valid() &&
         ::write(file.get(), wanted.data(), wanted.size()) == static_cast<ssize_t>(wanted.size());
}

bool apply_personality(const wire::Request& request) {
  return g_own.personality == request.personality ||
         ::personality(static_cast<unsigned long>(request.personality)) >= 0;
}

bool apply_group(const wire::Request& request) {
  if ((request.flags & wire::k_flag_session_leader) != 0) return ::setsid() >= 0;
  if ((request.flags & wire::k_flag_group_leader) != 0) return ::setpgid(0, 0) == 0;
  return ::getpgrp() != ::getpid();  // the zygote has given it a group that nobody leads
}

}  // namespace

void remember_own_context() {
  for (std::size_t i = 0; i < g_own.limits.size(); ++i) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource>(i), &limit);
    g_own.limits[i] = {limit.rlim_cur, limit.rlim_max};
  }
  g_own.nice = ::getpriority(PRIO_PROCESS, 0);
  g_own.scheduler = ::sched_getscheduler(0);
  sched_param parameter{};
  ::sched_getparam(0, &parameter);
  g_own.scheduler_priority = parameter.sched_priority;
  char affinity[1024];
  const long size = ::syscall(SYS_sched_getaffinity, 0, sizeof affinity, affinity);
  g_own.affinity.assign(affinity, size > 0 ? static_cast<std::size_t>(size) : 0);
  g_own.oom_score_adjust = own_oom_score_adjust();
  g_own.personality = ::personality(0xffffffff);
  g_own.io_priority = static_cast<int>(::syscall(SYS_ioprio_get, k_io_of_process, 0));
  g_own.timer_slack = static_cast<std::uint64_t>(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
  g_own.session_keyring = base::used_session_keyring();
  g_own.coredump_filter = own_coredump_filter();
}

std::optional<std::string> apply_context(const wire::Request& request, int cwd) {
  if (cwd < 0 || ::fchdir(cwd) != 0) return "working directory";
  ::umask(request.umask & 0777);
  if (!apply_group(request)) return "process group";
  if (!apply_nice(request)) return "nice level";
  if (!apply_scheduler(request)) return "scheduling policy";
  if (!apply_affinity(request)) return "CPU affinity";
  if (!apply_oom_score(request)) return "out-of-memory score";
  if (!apply_personality(request)) return "personality";
  if (!apply_io_priority(request)) return "I/O priority";
  if (!apply_timer_slack(request)) return "timer slack";
  if (!apply_coredump_filter(request)) return "core dump filter";
  if (g_own.session_keyring != request.session_keyring) return "session keyring";
  if (!apply_limits(request)) return "resource limits";
  return std::nullopt;
}

std::optional<std::string> check_own_context(const wire::Request& request) {
  if (::personality(0xffffffff) != g_own.personality) return "personality";
  if (!has_room(request.limits[RLIMIT_AS], request.limits[RLIMIT_DATA]) ||
      !apply_stack_limit(request.limits[RLIMIT_STACK]))
    return "resource limits";
  struct stat info = {};
  if (::fstat(0, &info) == 0 && S_ISDIR(info.st_mode)) return "standard input is a folder";
  return std::nullopt;
}

bool apply_descriptor_limit(const wire::Request& request) {
  return apply_limit(RLIMIT_NOFILE, request.limits[RLIMIT_NOFILE]);
}

void apply_blocked_signals(const wire::Request& request) noexcept {
  const std::uint64_t mask = request.blocked_signals;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

}  // namespace pml::worker
