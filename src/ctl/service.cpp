#include "ctl/service.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "base/unique_fd.hpp"
#include "base/venv.hpp"
#include "ctl/vocabulary.hpp"
#include "profile/profile.hpp"
#include "wire/reply.hpp"

namespace pml::ctl {

namespace {

constexpr std::size_t k_longest_answer = std::size_t{16} << 20;
constexpr std::string_view k_error = "error ";

base::UniqueFd connected(const std::string& path, int patience) {
  const timeval time{patience, 0};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  base::UniqueFd socket(base::k_adopt, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return socket;
}

/// ", did you mean …?" where a profile has nearly that name.
std::string meant_profile(const std::string& profile) {
  const auto listed = profile::list(base::profile_folders());
  std::vector<std::string_view> names;
  names.reserve(listed.size());
  for (const auto& item : listed) names.push_back(item.name);
  return meant(profile, names);
}

/// An environment's profile has a name that nobody types.
std::string how_made(const std::string& profile) {
  const char* active = std::getenv("VIRTUAL_ENV");
  const std::string folder = active != nullptr ? active : "";
  std::error_code error;
  if (!folder.empty() &&
      base::venv_profile(std::filesystem::canonical(folder, error).string()) == profile)
    return "--venv " + folder;
  return profile.starts_with("venv-") ? "--venv FOLDER" : profile;
}

/// What comes until the other side closes. Whoever is denied may be closed out before all that he
/// says was read: then an error follows the answer.
std::string all_of(base::BorrowedFd connection) {
  std::string answer;
  char buffer[65536];
  while (answer.size() <= k_longest_answer) {
    const ssize_t size = ::recv(connection.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno != ECONNRESET) return {};
    if (size <= 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(size));
  }
  return {};
}

/// A refusal as the text dialect has it, which the service speaks once it has read a word.
std::string as_text(std::string answer) {
  constexpr std::size_t k_head = sizeof(std::uint32_t);
  if (answer.size() <= k_head) return answer;
  const auto reply = wire::decode_reply(std::string_view(answer).substr(k_head));
  if (!reply || reply->kind != wire::ReplyKind::refused) return answer;
  return std::string("error ")
      .append(wire::sentence_of(static_cast<wire::Refusal>(reply->value)))
      .append(": ")
      .append(reply->text);
}

void throw_if_denied(const std::string& socket, std::string_view answer) {
  using wire::Refusal;
  if (!answer.starts_with(k_error)) return;
  answer.remove_prefix(k_error.size());
  for (const Refusal reason : {Refusal::other_user, Refusal::other_namespace, Refusal::confined,
                               Refusal::traced, Refusal::protocol})
    if (answer.starts_with(wire::sentence_of(reason)))
      throw Denied("the service at " + socket +
                   " answers no such caller: " + std::string(answer.substr(0, answer.find('\n'))) +
                   "; type it in an ordinary shell of the user whose pool it is");
}

}  // namespace

std::optional<std::string> ask(const std::string& socket, std::string_view line, int patience) {
  const base::UniqueFd connection = connected(socket, patience);
  if (!connection.valid()) return std::nullopt;
  const std::string request = std::string(line) + "\n";
  if (::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request.size()) &&
      errno != EPIPE)
    return std::nullopt;
  std::string answer = as_text(all_of(connection.borrow()));
  if (answer.empty()) return std::nullopt;
  throw_if_denied(socket, answer);
  return answer;
}

std::string socket_of(const std::string& profile) {
  return profile.find('/') != std::string::npos ? profile : base::socket_path(profile);
}

Services::Services() : manager_(Manager::connect()) {}

std::vector<std::string> Services::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(base::runtime_folder() + "/pml", error))
    if (entry.path().extension() == ".sock") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

bool Services::asleep(const std::string& profile) {
  if (!managed(profile) || manager_->active_state(socket_unit(profile)) != "active") return false;
  const std::string state = manager_->active_state(service_unit(profile));
  return state == "inactive" || state == "failed";
}

std::string Services::service_state(const std::string& profile) {
  std::string state = managed(profile) ? manager_->active_state(service_unit(profile)) : "";
  if ((!state.empty() && state != "inactive") || asleep(profile)) return state;
  return status(profile) ? "standalone" : "inactive";
}

std::string Services::socket_state(const std::string& profile) {
  if (managed(profile) && manager_->active_state(socket_unit(profile)) == "active")
    return "listening";
  std::error_code error;
  return std::filesystem::exists(socket_of(profile), error) ? "present" : "absent";
}

std::optional<ServiceStatus> Services::status(const std::string& profile) {
  if (asleep(profile)) return std::nullopt;
  const auto answer = ask(socket_of(profile), "status");
  if (!answer || answer->starts_with("error")) return std::nullopt;
  return parse_status(*answer);
}

std::optional<std::vector<RunningJob>> Services::jobs(const std::string& profile) {
  if (asleep(profile)) return std::nullopt;
  const auto answer = ask(socket_of(profile), "jobs");
  if (!answer || answer->starts_with("error")) return std::nullopt;
  return parse_jobs(*answer);
}

void require_name(const std::string& profile) {
  if (!base::valid_profile_name(profile))
    throw Failure(
        k_exit_no_such_profile,
        "\"" + profile + "\" cannot be the name of a profile; pmlctl list shows those there are");
}

void require_profile(const std::string& profile) {
  require_name(profile);
  const profile::Result result = profile::load(profile, base::profile_folders());
  if (result.good()) return;
  if (!result.masked_by.empty())
    throw Failure(k_exit_no_such_profile, result.one_line(profile) + "; remove that file");
  if (result.not_found())
    throw Failure(k_exit_no_such_profile, result.one_line(profile) + meant_profile(profile) +
                                              "; see pmlctl list, or make it: pmlctl profile new " +
                                              how_made(profile));
  throw Failure(base::k_exit_config,
                result.one_line(profile) + "; correct it with: pmlctl edit " + profile);
}

void require_known(Services& services, const std::string& profile) {
  const bool known = base::valid_profile_name(profile) &&
                     !profile::load(profile, base::profile_folders()).not_found();
  if (!known && !services.status(profile)) require_profile(profile);
}

bool Services::listens(const std::string& profile) {
  return !asleep(profile) && connected(socket_of(profile), k_patience_seconds).valid();
}

namespace {

/// Of a service that was named by its socket nobody knows the profile.
std::string what_ends(const std::string& profile) {
  if (profile.find('/') != std::string::npos) return "list for those there are";
  return "logs " + profile + ", or end it: pmlctl restart " + profile;
}

}  // namespace

Failure not_running(Services& services, const std::string& profile) {
  if (services.listens(profile))
    return {k_exit_not_running,
            "the service of \"" + profile + "\" runs, but has not answered within " +
                std::to_string(k_patience_seconds) + " seconds; see pmlctl " + what_ends(profile)};
  if (profile.find('/') != std::string::npos)
    return {k_exit_not_running,
            "no service answers at " + profile + "; see pmlctl list for those there are"};
  try {
    require_profile(profile);
  } catch (const Failure& failure) {
    return failure;
  }
  if (services.service_state(profile) == "failed") {
    const std::string why = services.manager()->status_text(service_unit(profile));
    if (!why.empty())
      return {k_exit_not_running, "the service of profile \"" + profile + "\" has failed: " + why +
                                      "; see pmlctl logs " + profile};
  }
  return {k_exit_not_running, "the service of profile \"" + profile +
                                  "\" is not running; start it with: pmlctl start " + profile};
}
}  // namespace pml::ctl
