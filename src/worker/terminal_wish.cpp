#include "worker/terminal_wish.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace pml::worker {

namespace {

constexpr unsigned long k_most_numbers = 1UL << 16;

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return names;
  while (const dirent* item = ::readdir(folder.get()))
    if (item->d_name[0] != '.') names.emplace_back(item->d_name);
  return names;
}

std::string text_of(const std::string& path) {
  const base::UniqueFd file(base::k_adopt, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string link_of(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return {target.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// Of a thread, among what the kernel tells of its process.
std::string file_of(const std::string& process, const std::string& thread, const char* name) {
  return std::string(process).append("/task/").append(thread).append("/").append(name);
}

/// What a thread waits in, proc_pid_syscall(5).
struct BlockingCall {
  long number = -1;
  unsigned long first = 0;
  unsigned long second = 0;
};

using Numbers = std::vector<unsigned long>;  // of descriptors

/// None where the system forbids to look, as containers may.
template <typename Item>
std::optional<std::vector<Item>> items_at(pid_t process, unsigned long address, std::size_t count) {
  std::vector<Item> items(count);
  if (count == 0 || address == 0) return std::vector<Item>();
  iovec here{items.data(), count * sizeof(Item)};
  iovec there{reinterpret_cast<void*>(address), here.iov_len};
  const ssize_t size = ::process_vm_readv(process, &here, 1, &there, 1, 0);
  if (size < 0) return std::nullopt;
  items.resize(static_cast<std::size_t>(size) / sizeof(Item));
  return items;
}

// Who cannot be looked at is taken to want all that it has open.
Numbers all_of(pid_t process) {
  Numbers numbers;
  for (const std::string& name : names_in("/proc/" + std::to_string(process) + "/fd"))
    numbers.push_back(std::strtoul(name.c_str(), nullptr, 10));
  return numbers;
}

Numbers polled(pid_t process, unsigned long address, unsigned long count) {
  const auto entries = items_at<pollfd>(process, address, std::min(count, k_most_numbers));
  if (!entries) return all_of(process);
  Numbers numbers;
  for (const pollfd& entry : *entries)
    if ((entry.events & (POLLIN | POLLRDNORM)) != 0 && entry.fd >= 0)
      numbers.push_back(static_cast<unsigned long>(entry.fd));
  return numbers;
}

Numbers selected(pid_t process, unsigned long count, unsigned long set) {
  constexpr std::size_t k_bits = 8 * sizeof(unsigned long);
  Numbers numbers;
  count = std::min(count, k_most_numbers);
  const auto words = items_at<unsigned long>(process, set, (count + k_bits - 1) / k_bits);
  if (!words) return all_of(process);
  for (unsigned long number = 0; number < words->size() * k_bits; ++number)
    if (((*words)[number / k_bits] >> number % k_bits & 1) != 0) numbers.push_back(number);
  return numbers;
}

// The kernel lists them: "tfd: NUMBER events: MASK …".
Numbers watched(const std::string& process, unsigned long set) {
  Numbers numbers;
  const std::string text = text_of(process + "/fdinfo/" + std::to_string(set));
  for (std::size_t at = 0; (at = text.find("tfd:", at)) != std::string::npos; ++at) {
    unsigned long number = 0;
    unsigned events = 0;
    if (std::sscanf(text.c_str() + at, "tfd: %lu events: %x", &number, &events) == 2 &&
        (events & EPOLLIN) != 0)
      numbers.push_back(number);
  }
  return numbers;
}

/// What the call waits to read.
Numbers wanted(const std::string& process, pid_t id, const BlockingCall& call) {
  switch (call.number) {
    case SYS_read:
    case SYS_readv:
      return {call.first};
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
      return polled(id, call.first, call.second);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
      return selected(id, call.first, call.second);
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
      return watched(process, call.first);
    default:
      return {};
  }
}

std::array<char, 64> modes_of(base::BorrowedFd terminal) {
  std::array<char, 64> result{};
  termios modes{};
  static_assert(sizeof modes <= sizeof result);
  if (::tcgetattr(terminal.get(), &modes) == 0) std::memcpy(result.data(), &modes, sizeof modes);
  return result;
}

}  // namespace

TerminalWish::TerminalWish(pid_t job, base::BorrowedFd far)
    : job_(job),
      far_(far),
      name_(link_of("/proc/self/fd/" + std::to_string(far.get()))),
      first_modes_(modes_of(far)) {}

bool TerminalWish::is_terminal(const std::string& link) const {
  return link == "/dev/tty" || link == name_;
}

bool TerminalWish::waits(const std::string& process) const {
  const pid_t id = std::atoi(process.c_str() + std::strlen("/proc/"));
  for (const std::string& thread : names_in(process + "/task")) {
    const std::string text = text_of(file_of(process, thread, "syscall"));
    BlockingCall call;
    if (std::sscanf(text.c_str(), "%ld %lx %lx", &call.number, &call.first, &call.second) != 3)
      continue;
    const Numbers numbers = wanted(process, id, call);
    if (std::any_of(numbers.begin(), numbers.end(), [&](unsigned long number) {
          return is_terminal(link_of(process + "/fd/" + std::to_string(number)));
        }))
      return true;
  }
  return false;
}

bool TerminalWish::is_shown() const {
  if (modes_of(far_) != first_modes_) return true;
  std::vector<std::string> processes{"/proc/" + std::to_string(job_)};
  while (!processes.empty()) {
    const std::string process = std::move(processes.back());
    processes.pop_back();
    if (waits(process)) return true;
    for (const std::string& thread : names_in(process + "/task")) {
      const std::string children = text_of(file_of(process, thread, "children"));
      for (const char* at = children.c_str(); *at != '\0';) {
        char* end = nullptr;
        const long child = std::strtol(at, &end, 10);
        if (end == at) break;
        processes.push_back("/proc/" + std::to_string(child));
        at = *end == ' ' ? end + 1 : end;
      }
    }
  }
  return false;
}

}  // namespace pml::worker
