#include "client/obstacle.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.hpp"
#include "wire/cold_only.hpp"

namespace pml::client {

namespace {

constexpr std::string_view k_container_notify = "/run/host/notify";
constexpr const char* k_container_manager = "/run/host/container-manager";

// Everything in a container of systemd-nspawn has this variable, and only process 1 is listened to.
bool is_deaf_to_us(std::string_view value) {
  return value == k_container_notify && ::getpid() != 1 &&
         base::UniqueFd(base::k_adopt, ::open(k_container_manager, O_PATH | O_CLOEXEC)).valid();
}

// What a service manager says to one process by its number, or to those of its control group: the
// job is neither that process nor in that group.
bool names_process(std::string_view name, std::string_view value) {
  if (value.empty()) return false;
  if (name == "SYSTEMD_EXEC_PID") return value == std::to_string(::getpid());
  if (name == "NOTIFY_SOCKET") return !is_deaf_to_us(value);
  return name == "LISTEN_PID" || name == "WATCHDOG_PID";
}

std::optional<Reason> obstacle_in(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string_view name = entry.substr(0, equals);
  if (wire::is_cold_variable(name, entry.substr(equals + 1))) return reasons::variable(name);
  if (names_process(name, entry.substr(equals + 1))) return reasons::context(name);
  return std::nullopt;
}

}  // namespace

std::optional<Reason> find_obstacle(const Arguments& arguments) {
  if (arguments.plain) return reasons::disabled();
  if (!arguments.venv_error.empty()) return reasons::no_venv();
  if (arguments.action == Action::python) return reasons::option(arguments.reason);
  if (arguments.kind == wire::ProgramKind::standard_in && ::isatty(STDIN_FILENO) != 0)
    return reasons::interactive();
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (auto reason = obstacle_in(*entry)) return reason;
  return std::nullopt;
}

}  // namespace pml::client
