#include "client/venv_launch.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/paths.hpp"
#include "base/unique_fd.hpp"
#include "client/connection.hpp"
#include "wire/channel.hpp"

namespace pml::client {

namespace {

constexpr std::int64_t k_day = std::int64_t{24} * 60 * 60;

std::string note_of(const std::string& profile, int number) {
  return base::launch_note(profile, number);
}

void forget_old_notes(const std::string& profile) {
  struct stat first = {};
  timespec now{};
  if (::stat(note_of(profile, 1).c_str(), &first) != 0) return;
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (std::int64_t{now.tv_sec} - std::int64_t{first.st_mtim.tv_sec} < k_day) return;
  // (Not unlink(): the client's own runtime has only what it needs.)
  for (int number = base::k_launches_to_ask; number > 0; --number)
    ::syscall(SYS_unlinkat, AT_FDCWD, note_of(profile, number).c_str(), 0);
}

/// True for the one launch that makes the last note.
bool is_last_to_note(const std::string& profile) {
  for (int number = 1; number <= base::k_launches_to_ask; ++number) {
    const base::UniqueFd note(base::k_adopt, ::open(note_of(profile, number).c_str(),
                                                    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    if (note.valid()) return number == base::k_launches_to_ask;
    if (errno != EEXIST) return false;
  }
  return false;
}

/// In quotes, as the text dialect reads it.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += "'\\'";
    result.push_back(c);
  }
  return result + "'";
}

}  // namespace

void note_cold_launch(const std::string& folder, const std::string& profile) noexcept {
  const std::string sockets = base::runtime_folder() + "/pml";
  struct stat info = {};
  // Root may have another's folder in its environment.
  if (::stat(sockets.c_str(), &info) != 0 || info.st_uid != ::geteuid()) return;
  if (std::any_of(folder.begin(), folder.end(), [](unsigned char c) { return c < ' '; })) return;
  forget_old_notes(profile);
  if (!is_last_to_note(profile)) return;
  Connection connection;
  if (connection.open(base::socket_path("default"))) return;
  (void)wire::send_some(connection.socket(), "environment " + quoted(folder) + "\n", {},
                        MSG_DONTWAIT);
}

}  // namespace pml::client
