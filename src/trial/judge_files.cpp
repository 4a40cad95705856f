// What calls that name files or descriptors tell.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "trial/call_judge.hpp"

namespace pml::trial {

namespace {

constexpr std::uint32_t k_get_modes = 0x802c542a;  // TCGETS2; its structure has no header here
constexpr unsigned k_memory_devices = 1;
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

/// What a descriptor is, for a sentence.
std::string named(int number) {
  if (number == 0) return "standard input";
  if (number == 1) return "standard output";
  if (number == 2) return "standard error";
  return "descriptor " + std::to_string(number);
}

}  // namespace

void CallJudge::look_at_files() {
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

void CallJudge::path(int folder, const std::string& path) {
  if (path.empty()) return;  // of the descriptor itself
  result_.path = tracee_.absolute(folder, path);
  if (!tracee_.target(result_.path)) result_.find = Find::missing;
  if (tracee_.is_of_a_process(result_.path))
    become(Verdict::own, "looks at a process");
  else if (path.front() != '/' && folder == AT_FDCWD)
    become(Verdict::fact, "looks at the current folder");
}

void CallJudge::opened(int folder, const std::string& path, std::uint64_t flags) {
  result_.path = tracee_.absolute(folder, path);
  const auto target = tracee_.target(result_.path);
  constexpr std::uint64_t k_changing = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & k_changing) != 0;
  if ((flags & O_PATH) != 0 || (!target && !writes)) {
    CallJudge::path(folder, path);
  } else if (!target || (writes && !is_nothing_device(*target))) {
    become(Verdict::stop, target ? "opens a file to write" : "makes a file");
  } else {
    opened_target(path);
    if (path.front() != '/' && folder == AT_FDCWD && result_.verdict == Verdict::harmless)
      become(Verdict::fact, "opens a file of the current folder");
  }
}

void CallJudge::opened_target(const std::string& path) {
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

void CallJudge::open_how() {
  std::uint64_t flags = 0;  // the first member of struct open_how
  if (tracee_.read(argument(2), &flags, sizeof flags))
    opened(number(0), text(1), flags);
  else
    become(Verdict::stop, "opens something");
}

void CallJudge::written(int descriptor) {
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

void CallJudge::read(int descriptor) {
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

void CallJudge::control() {
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

void CallJudge::descriptor_control() {
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

void CallJudge::mapped() {
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

}  // namespace pml::trial
