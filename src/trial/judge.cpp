#include "trial/judge.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace pml::trial {

namespace {

constexpr unsigned k_memory_devices = 1;
constexpr std::uint32_t k_get_modes = 0x802c542a;  // TCGETS2; its structure has no header here
enum MemoryDevice : unsigned { null = 3, zero = 5, full = 7, random = 8, urandom = 9 };

bool is_memory_device(const struct stat& info, std::initializer_list<unsigned> minors) {
  if (!S_ISCHR(info.st_mode) || major(info.st_rdev) != k_memory_devices) return false;
  return std::find(minors.begin(), minors.end(), minor(info.st_rdev)) != minors.end();
}

bool is_nothing_device(const struct stat& info) {
  return is_memory_device(info, {null, zero, full});
}

bool is_random_device(const struct stat& info) {
  return is_memory_device(info, {random, urandom});
}

bool has(const std::vector<int>& numbers, int number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool is_standard(int number) {
  return number >= 0 && number <= 2;
}

/// What a descriptor is, for a sentence.
std::string named(int number) {
  if (number == 0) return "standard input";
  if (number == 1) return "standard output";
  if (number == 2) return "standard error";
  return "descriptor " + std::to_string(number);
}

/// Looks at the arguments of one call.
class Judge {
 public:
  Judge(const Call& call, const Tracee& tracee, const Arrangement& arrangement)
      : call_(call), tracee_(tracee), arrangement_(arrangement), rule_(rule_of(call.number)) {}

  Judgement result();

 private:
  [[nodiscard]] std::uint64_t argument(int at) const { return call_.arguments[at]; }
  [[nodiscard]] int number(int at) const { return static_cast<int>(argument(at)); }
  [[nodiscard]] std::string text(int at) const { return tracee_.text(argument(at)); }

  void become(Verdict verdict, std::string what) {
    result_.verdict = verdict;
    result_.what = std::move(what);
  }
  void look();
  void look_at_files();
  void look_at_processes();
  void look_at_sockets();
  void path(int folder, const std::string& path);
  void opened(int folder, const std::string& path, std::uint64_t flags);
  void opened_target(const std::string& path);
  void open_how();
  void written(int descriptor);
  void read(int descriptor);
  void control();
  void descriptor_control();
  void mapped();
  void forked(std::uint64_t flags);
  void process_control();
  void wait_poll();
  void bound();
  void connected();

  const Call& call_;
  const Tracee& tracee_;
  const Arrangement& arrangement_;
  const CallRule& rule_;
  Judgement result_;
};

Judgement Judge::result() {
  result_.call = rule_.name != nullptr ? rule_.name : "";
  result_.verdict = rule_.verdict;
  result_.what = rule_.what != nullptr ? rule_.what : "";
  if (rule_.name == nullptr)
    result_.what = "makes system call " + std::to_string(call_.number);
  else
    look();
  return std::move(result_);
}

void Judge::look() {
  look_at_files();
  look_at_processes();
  look_at_sockets();
}

void Judge::look_at_files() {
  const int at = rule_.at;
  switch (rule_.look) {
    case Look::path:
      return path(AT_FDCWD, text(at));
    case Look::path_from:
      return path(number(at), text(at + 1));
    case Look::named_path:
      result_.path = tracee_.absolute(AT_FDCWD, text(at));
      return;
    case Look::named_path_from:
      result_.path = tracee_.absolute(number(at), text(at + 1));
      return;
    case Look::open:
      return opened(AT_FDCWD, text(0), argument(1));
    case Look::open_from:
      return opened(number(0), text(1), argument(2));
    case Look::open_how:
      return open_how();
    case Look::create:
      return opened(AT_FDCWD, text(0), O_WRONLY | O_CREAT | O_TRUNC);
    case Look::read:
      return read(number(at));
    case Look::write:
      return written(number(at));
    case Look::control:
      return control();
    case Look::descriptor_control:
      return descriptor_control();
    case Look::map:
      return mapped();
    default:
      return;
  }
}

void Judge::path(int folder, const std::string& path) {
  if (path.empty()) return;  // of the descriptor itself
  result_.path = tracee_.absolute(folder, path);
  if (!tracee_.target(result_.path)) result_.find = Find::missing;
  if (tracee_.is_of_a_process(result_.path))
    become(Verdict::own, "looks at a process");
  else if (path.front() != '/' && folder == AT_FDCWD)
    become(Verdict::fact, "looks at the current folder");
}

void Judge::opened(int folder, const std::string& path, std::uint64_t flags) {
  result_.path = tracee_.absolute(folder, path);
  const auto target = tracee_.target(result_.path);
  constexpr std::uint64_t k_changing = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & k_changing) != 0;
  if ((flags & O_PATH) != 0) {
    Judge::path(folder, path);
  } else if (writes && !(target && is_nothing_device(*target))) {
    become(Verdict::stop, target ? "opens a file to write" : "makes a file");
  } else if (!target) {
    Judge::path(folder, path);
  } else {
    opened_target(path);
    if (path.front() != '/' && folder == AT_FDCWD && result_.verdict == Verdict::harmless)
      become(Verdict::fact, "opens a file of the current folder");
  }
}

void Judge::opened_target(const std::string& path) {
  const auto target = tracee_.target(result_.path);
  const std::string real = tracee_.real(result_.path);
  if (is_random_device(*target)) {
    become(Verdict::own, "draws random numbers");
  } else if (tracee_.is_of_a_process(result_.path)) {
    const bool plain = S_ISREG(target->st_mode) || S_ISDIR(target->st_mode);
    become(plain ? Verdict::own : Verdict::stop, "reads of a process");
  } else if (real.starts_with("/proc/") || real.starts_with("/sys/")) {
    become(Verdict::fact, "asks the kernel");
  } else if (S_ISREG(target->st_mode)) {
    result_.find = Find::file;
  } else if (S_ISDIR(target->st_mode)) {
    result_.find = Find::folder;
  } else if (!is_nothing_device(*target)) {
    become(Verdict::stop, "opens what is no file: " + path);
  }
}

void Judge::open_how() {
  std::uint64_t flags = 0;  // the first member of struct open_how
  if (tracee_.read(argument(2), &flags, sizeof flags))
    opened(number(0), text(1), flags);
  else
    become(Verdict::stop, "opens something");
}

void Judge::written(int descriptor) {
  if (has(arrangement_.markers, descriptor)) {
    result_.verdict = Verdict::harmless;
    result_.marked = true;
    return;
  }
  const auto info = tracee_.descriptor(descriptor);
  if (has(arrangement_.allowed, descriptor) || (info && is_nothing_device(*info) && descriptor > 2))
    return become(Verdict::harmless, "");
  result_.what = "writes to " + named(descriptor);
  result_.path = tracee_.name_of_descriptor(descriptor);
}

void Judge::read(int descriptor) {
  const auto info = tracee_.descriptor(descriptor);
  if (!info || has(arrangement_.allowed, descriptor)) return;  // the kernel says that it is closed
  result_.path = tracee_.name_of_descriptor(descriptor);
  if (is_standard(descriptor))
    become(Verdict::stop, "reads " + named(descriptor));
  else if (S_ISFIFO(info->st_mode))
    become(Verdict::own, "reads from a pipe of its own");
  else if (is_random_device(*info))
    become(Verdict::own, "draws random numbers");
  else if (!S_ISREG(info->st_mode) && !S_ISDIR(info->st_mode) && !is_nothing_device(*info))
    become(Verdict::stop, "reads from what is no file");
}

void Judge::control() {
  const int descriptor = number(0);
  switch (static_cast<std::uint32_t>(argument(1))) {
    case TIOCGWINSZ:
      result_.path = tracee_.name_of_descriptor(descriptor);
      return become(is_standard(descriptor) ? Verdict::fact : Verdict::harmless,
                    "asks how large " + named(descriptor) + " is");
    case TCGETS:
    case k_get_modes:
      result_.path = tracee_.name_of_descriptor(descriptor);
      return become(is_standard(descriptor) ? Verdict::fact : Verdict::harmless,
                    "asks whether " + named(descriptor) + " is a terminal");
    case FIOCLEX:
    case FIONCLEX:
      return become(Verdict::harmless, "");
    case FIONBIO:
      if (!is_standard(descriptor)) return become(Verdict::own, "changes a descriptor");
      break;
    default:
      break;
  }
  result_.what = "controls " + named(descriptor);
  result_.path = tracee_.name_of_descriptor(descriptor);
}

void Judge::descriptor_control() {
  const int descriptor = number(0);
  switch (number(1)) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_GETFD:
    case F_SETFD:
      return;
    case F_GETFL:
      if (is_standard(descriptor)) become(Verdict::fact, "asks how " + named(descriptor) + " is");
      return;
    case F_SETFL:
      if (is_standard(descriptor)) become(Verdict::stop, "changes " + named(descriptor));
      return;
    case F_GETPIPE_SZ:
    case F_ADD_SEALS:
    case F_GET_SEALS:
      return become(Verdict::own, "changes a descriptor");
    default:
      result_.path = tracee_.name_of_descriptor(descriptor);
      become(Verdict::stop, "takes a lock");
  }
}

void Judge::mapped() {
  constexpr int k_protection = 2, k_flags = 3, k_descriptor = 4;
  const bool writes = (argument(k_protection) & PROT_WRITE) != 0 &&
                      (argument(k_flags) & MAP_SHARED) != 0 &&
                      (argument(k_flags) & MAP_ANONYMOUS) == 0;
  if (!writes) return;
  const auto info = tracee_.descriptor(number(k_descriptor));
  // Memory without a name is of this process and of who gave it on purpose.
  if (!info || (S_ISREG(info->st_mode) && info->st_nlink == 0)) return;
  result_.path = tracee_.name_of_descriptor(number(k_descriptor));
  become(Verdict::stop, "writes to a file through memory");
}

void Judge::look_at_processes() {
  switch (rule_.look) {
    case Look::thread:
      return forked(argument(0));
    case Look::thread3: {
      std::uint64_t flags = 0;  // the first member of struct clone_args
      return forked(tracee_.read(argument(0), &flags, sizeof flags) ? flags : 0);
    }
    case Look::process_control:
      return process_control();
    case Look::limit:
      if (argument(2) != 0) become(Verdict::stop, "changes its limits");
      return;
    case Look::signal_action:
      if (argument(1) == 0) become(Verdict::fact, "asks what a signal does");
      return;
    case Look::personality:
      if (static_cast<std::uint32_t>(argument(0)) == 0xffffffffU)
        become(Verdict::fact, "asks for its personality");
      return;
    case Look::wait_poll:
      return wait_poll();
    case Look::wait_select:
      for (int at = 1; at <= 3; ++at) {
        std::uint64_t first = 0;  // the bits of the lowest descriptors
        if (argument(at) != 0 && tracee_.read(argument(at), &first, sizeof first) &&
            (first & 7) != 0)
          become(Verdict::stop, "waits for a standard stream");
      }
      return;
    default:
      return;
  }
}

void Judge::forked(std::uint64_t flags) {
  if ((flags & CLONE_THREAD) != 0) become(Verdict::own, "starts a thread");
}

void Judge::process_control() {
  switch (number(0)) {
    case PR_GET_NAME:
    case PR_SET_NAME:
    case PR_GET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_GET_SECCOMP:
    case PR_GET_NO_NEW_PRIVS:
    case PR_CAPBSET_READ:
    case PR_GET_THP_DISABLE:
#ifdef PR_SET_VMA
    case PR_SET_VMA:
#endif
      become(Verdict::harmless, "");
      return;
    default:
      result_.what = "changes the process (prctl " + std::to_string(number(0)) + ")";
  }
}

void Judge::wait_poll() {
  const std::uint64_t count = std::min<std::uint64_t>(argument(1), 1024);
  std::vector<pollfd> entries(static_cast<std::size_t>(count));
  if (entries.empty() ||
      !tracee_.read(argument(0), entries.data(), entries.size() * sizeof(pollfd)))
    return;
  // Every start looks whether the three are open.
  const bool looks =
      number(2) == 0 && std::all_of(entries.begin(), entries.end(),
                                    [](const pollfd& one) { return one.events == 0; });
  if (!looks && std::any_of(entries.begin(), entries.end(),
                            [](const pollfd& one) { return is_standard(one.fd); }))
    become(Verdict::stop, "waits for a standard stream");
}

void Judge::look_at_sockets() {
  switch (rule_.look) {
    case Look::socket:
      if (number(0) == AF_UNIX || number(0) == AF_INET || number(0) == AF_INET6)
        become(Verdict::own, "makes a socket");
      return;
    case Look::bind:
      return bound();
    case Look::connect:
      return connected();
    case Look::socket_option:
      if (!is_standard(number(0))) become(Verdict::own, rule_.what);
      return;
    default:
      return;
  }
}

/// Many libraries try in this way whether there is IPv6.
void Judge::bound() {
  sockaddr_in6 address{};
  const std::size_t size = std::min<std::size_t>(argument(2), sizeof address);
  if (!tracee_.read(argument(1), &address, size)) return;
  sockaddr_in old{};
  std::memcpy(&old, &address, sizeof old);
  const bool loopback = address.sin6_family == AF_INET6
                            ? IN6_IS_ADDR_LOOPBACK(&address.sin6_addr)
                            : old.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  const bool internet = address.sin6_family == AF_INET6 || address.sin6_family == AF_INET;
  if (internet && loopback && address.sin6_port == 0)
    become(Verdict::own, "takes an address of this machine's own");
}

/// The C library asks its cache of names, where there is one.
void Judge::connected() {
  sockaddr_un address{};
  const std::size_t size = std::min<std::size_t>(argument(2), sizeof address - 1);
  if (!tracee_.read(argument(1), &address, size) || address.sun_family != AF_UNIX) return;
  result_.path = address.sun_path;
  if (result_.path.starts_with('/') && !tracee_.target(result_.path)) {
    result_.find = Find::missing;
    become(Verdict::fact, "looks for a service");
  }
}

}  // namespace

Judgement judge(const Call& call, const Tracee& tracee, const Arrangement& arrangement) {
  return Judge(call, tracee, arrangement).result();
}

}  // namespace pml::trial
