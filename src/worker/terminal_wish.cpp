#include "worker/terminal_wish.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace pml::worker {

namespace {

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

/// What a thread waits in.
enum class Need { reading, choosing, other };

Need need_of(long number) {
  if (number == SYS_read || number == SYS_readv) return Need::reading;
  for (const long choosing : {
#ifdef SYS_poll
           long{SYS_poll}, long{SYS_select}, long{SYS_epoll_wait},
#endif
           long{SYS_ppoll}, long{SYS_pselect6}, long{SYS_epoll_pwait}, long{SYS_epoll_pwait2}})
    if (number == choosing) return Need::choosing;
  return Need::other;
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

bool TerminalWish::holds_terminal(const std::string& process) const {
  const std::string folder = process + "/fd/";
  const std::vector<std::string> numbers = names_in(folder);
  return std::any_of(numbers.begin(), numbers.end(), [&](const std::string& number) {
    return is_terminal(link_of(folder + number));
  });
}

// A thread that only chooses among what it may read is taken to want all that its process holds.
bool TerminalWish::waits(const std::string& process) const {
  for (const std::string& thread : names_in(process + "/task")) {
    const std::string text = text_of(file_of(process, thread, "syscall"));
    long number = -1;
    unsigned long first = 0;
    if (std::sscanf(text.c_str(), "%ld %lx", &number, &first) != 2) continue;
    const Need need = need_of(number);
    if (need == Need::reading && is_terminal(link_of(process + "/fd/" + std::to_string(first))))
      return true;
    if (need == Need::choosing && holds_terminal(process)) return true;
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
