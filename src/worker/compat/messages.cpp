#include "worker/compat/messages.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace pml::worker::compat {

#if PY_VERSION_HEX >= 0x030c0000
namespace {

/// What this interpreter says, by its own word; until it was asked, what its version said at first.
struct Messages {
#if PY_VERSION_HEX >= 0x030e0000
  std::string failed_flush = "Exception ignored while flushing sys.stdout";
#else
  std::string failed_flush = "Exception ignored on flushing sys.stdout";
#endif
  std::string huge_status;  // empty: it is dropped
};

Messages& messages() {
  static auto* const instance = new Messages;
  return *instance;
}

constexpr int k_patience = 10'000;  // milliseconds

std::string read_all(base::BorrowedFd from) {
  std::string text;
  std::array<char, 4096> part;
  pollfd wait{from.get(), POLLIN, 0};
  while (::poll(&wait, 1, k_patience) > 0) {
    const ssize_t size = ::read(from.get(), part.data(), part.size());
    if (size <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

/// What a cold run of the text writes to its standard error, with `output` as its standard output;
/// nothing where it cannot be run.
std::optional<std::string> said_cold(const std::string& executable, const char* text,
                                     const char* output) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const base::UniqueFd reading(base::k_adopt, ends[0]);
  base::UniqueFd writing(base::k_adopt, ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  std::array<std::string, 5> words{executable, "-I", "-S", "-c", text};
  std::array<char*, 6> pointers{};
  for (std::size_t i = 0; i < words.size(); ++i) pointers[i] = words[i].data();
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, executable.c_str(), &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  writing.reset();
  if (error != 0) return std::nullopt;
  std::string said = read_all(reading.borrow());
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return said;
}

/// The first line, without the colon behind it.
std::string headline(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == ':') line.pop_back();
  return line;
}

}  // namespace
#endif

void learn_messages([[maybe_unused]] const std::string& executable) {
#if PY_VERSION_HEX >= 0x030c0000
  if (const auto said = said_cold(executable, "import sys; sys.exit(2**70)", "/dev/null"))
    messages().huge_status = headline(*said);
#endif
#if PY_VERSION_HEX >= 0x030d0000
  if (const auto said = said_cold(executable, "print()", "/dev/full"); said && !said->empty())
    messages().failed_flush = headline(*said);
#endif
}

void end_with_huge_status() {
#if PY_VERSION_HEX >= 0x030c0000
  const bool threads = PyDict_GetItemString(PyImport_GetModuleDict(), "threading") != nullptr;
  if (!threads && !messages().huge_status.empty()) {
#if PY_VERSION_HEX >= 0x030d0000
    PyErr_FormatUnraisable("%s", messages().huge_status.c_str());
#else
    PyErr_WriteUnraisable(nullptr);
#endif
  }
#endif
  PyErr_Clear();
}

void show_failed_threads_end([[maybe_unused]] PyObject* threading) {
#if PY_VERSION_HEX >= 0x030d0000
  PyErr_FormatUnraisable("Exception ignored on threading shutdown");
#else
  PyErr_WriteUnraisable(threading);
#endif
}

void show_failed_flush([[maybe_unused]] PyObject* stream) {
#if PY_VERSION_HEX >= 0x030d0000
  PyErr_FormatUnraisable("%s", messages().failed_flush.c_str());
#else
  PyErr_WriteUnraisable(stream);
#endif
}

}  // namespace pml::worker::compat
