#include "ctl/pool_control.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "base/unique_fd.hpp"
#include "ctl/files.hpp"
#include "ctl/process.hpp"

namespace pml::ctl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds k_look_again{20};
constexpr int k_stop_patience_ms = 30'000;

/// Looks again and again; false where `seconds` were not enough.
template <typename Done>
bool until(Done done, int seconds) {
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (!done()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(k_look_again);
  }
  return true;
}

void start_daemon(const std::string& profile) {
  const std::string log = standalone_log(profile);
  if (const auto wrong = base::prepare_private_folder(std::filesystem::path(log).parent_path()))
    throw Failure(base::k_exit_cant_create, *wrong);
  const Outcome outcome =
      run({{"/bin/sh", "-c", "exec \"$0\" --profile \"$1\" --daemonize 2>\"$2\"",
            own_program("pmld"), profile, log},
           {},
           Output::discard,
           Output::inherit,
           true});
  if (outcome.good()) return;
  const std::string said = read_file(log);
  throw Failure(k_exit_failure, "the pool of \"" + profile +
                                    "\" does not start: " + said.substr(0, said.find('\n')) +
                                    "; see pmlctl doctor " + profile);
}

void stop_daemon(Services& services, const std::string& profile) {
  const auto status = services.status(profile);
  if (!status) return;
  const auto pid = static_cast<pid_t>(status->number("pid"));
  // (The number could be another process's by now; this stays the one that answered.)
  const base::UniqueFd process(base::k_adopt, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pid <= 1 || !process.valid() || ::kill(pid, SIGTERM) != 0) return;
  pollfd ended{process.get(), POLLIN, 0};
  if (::poll(&ended, 1, k_stop_patience_ms) <= 0)
    throw Failure(k_exit_failure, "the service of \"" + profile + "\" (process " +
                                      std::to_string(pid) + ") does not end; see pmlctl jobs");
  std::error_code error;
  std::filesystem::remove(standalone_log(profile), error);
}

bool has_manager(Services& services, const std::string& profile) {
  return services.manager().has_value() && services.service_state(profile) != "standalone";
}

void require_manager(Services& services, const std::string& what) {
  if (!services.manager())
    throw Failure(k_exit_failure,
                  "no user manager can be reached, so nothing starts at login; " + what);
}

}  // namespace

std::string standalone_log(const std::string& profile) {
  return base::runtime_folder() + "/pml/" + profile + ".log";
}

void start_pool(Services& services, const std::string& profile, bool wait) {
  require_profile(profile);
  if (!has_manager(services, profile)) {
    if (services.status(profile)) return;
    start_daemon(profile);
    return;
  }
  services.manager()->start(socket_unit(profile));
  services.manager()->start(service_unit(profile), wait);
}

void stop_pool(Services& services, const std::string& profile) {
  if (!has_manager(services, profile)) {
    stop_daemon(services, profile);
    return;
  }
  Manager& manager = *services.manager();
  manager.stop(socket_unit(profile));
  manager.reset_failed(service_unit(profile));
  manager.stop(service_unit(profile));
}

void restart_pool(Services& services, const std::string& profile, bool wait) {
  require_profile(profile);
  if (!has_manager(services, profile)) {
    stop_daemon(services, profile);
    start_daemon(profile);
    return;
  }
  services.manager()->start(socket_unit(profile));
  services.manager()->reset_failed(service_unit(profile));
  services.manager()->restart(service_unit(profile), wait);
}

void enable_pool(Services& services, const std::string& profile) {
  require_profile(profile);
  require_manager(services, "start it by hand: pmlctl start " + profile);
  services.manager()->enable({socket_unit(profile), service_unit(profile)});
}

void disable_pool(Services& services, const std::string& profile) {
  require_manager(services, "stop it by hand: pmlctl stop " + profile);
  services.manager()->disable({service_unit(profile), socket_unit(profile)});
}

void wait_until_warm(Services& services, const std::string& profile) {
  const bool in_time = until(
      [&] {
        const auto status = services.status(profile);
        if (!status) throw not_running(services, profile);
        if (const std::string error = status->value("profile-error"); !error.empty())
          throw Failure(base::k_exit_config, "the old pool serves on: " + error +
                                                 "; correct it (pmlctl edit " + profile +
                                                 ") and reload again");
        return status->value("reloading").empty() && status->value("state") == "warm" &&
               status->number("idle") + status->number("running") > 0;
      },
      k_warm_patience_seconds);
  if (!in_time)
    throw Failure(k_exit_failure, "the new pool is not warm yet; see pmlctl status " + profile +
                                      " and pmlctl logs " + profile);
}

void reload_pool(Services& services, const std::string& profile, bool wait) {
  if (!services.status(profile)) throw not_running(services, profile);
  const auto answer = ask(socket_of(profile), "reload");
  if (!answer) throw not_running(services, profile);
  if (answer->starts_with("error "))
    throw Failure(base::k_exit_config,
                  "the old pool serves on: " + answer->substr(6, answer->find('\n') - 6) +
                      "; correct it and reload again");
  if (wait) wait_until_warm(services, profile);
}

bool can_ask() {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
}

bool agreed(const std::string& question, bool yes) {
  if (yes || !can_ask()) return true;
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace pml::ctl
