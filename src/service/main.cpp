// pmld: the service of pml. Reads its words and its profile, and runs a Service.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/activation.hpp"
#include "service/options.hpp"
#include "service/service.hpp"

namespace {

using namespace pml;           // NOLINT: a main
using namespace pml::service;  // NOLINT

profile::Result load_profile(const Options& options) {
  profile::Result result = profile::load(options.profile, base::profile_folders());
  if (!result.good()) return result;
  if (options.workers) result.profile->workers = *options.workers;
  if (options.spare) result.profile->spare = *options.spare;
  result.profile->spare = std::min(result.profile->spare, result.profile->workers);
  return result;
}

profile::Profile standalone_profile(const Options& options) {
  profile::Profile profile;
  profile.name = std::filesystem::path(options.socket).stem().string();
  profile.modules = options.modules;
  // Nothing else says where the modules are.
  if (const char* path = std::getenv("PYTHONPATH"))
    profile.environment.emplace_back("PYTHONPATH", path);
  profile.workers = options.workers.value_or(profile.workers);
  profile.spare = std::min(options.spare.value_or(profile.spare), profile.workers);
  return profile;
}

Setting setting_of(const Options& options) {
  Setting setting;
  setting.standalone = options.profile.empty();
  if (setting.standalone) {
    setting.profile = standalone_profile(options);
    return setting;
  }
  profile::Result result = load_profile(options);
  if (!result.good())
    throw StartFailure(base::k_exit_config,
                       result.one_line(options.profile) +
                           (result.not_found() ? "; see pmlctl list" : "; see pmlctl check"));
  setting.profile = std::move(*result.profile);
  setting.reload = [options] { return load_profile(options); };
  return setting;
}

std::string own_socket_path(const Options& options) {
  if (options.profile.empty()) return options.socket;
  std::string path = base::socket_path(options.profile);
  const auto wrong = base::prepare_private_folder(std::filesystem::path(path).parent_path());
  if (wrong) throw StartFailure(base::k_exit_cant_create, *wrong);
  return path;
}

int serve(const Options& options, Daemon& daemon) {
  const OwnContext context;
  std::vector<base::UniqueFd> sockets;
  if (!options.profile.empty()) sockets = sockets_from_manager();
  Setting setting;
  try {
    setting = setting_of(options);
  } catch (const StartFailure& failure) {
    refuse_waiting(sockets, failure.what());
    throw;
  }
  std::optional<OwnSocket> own;
  if (sockets.empty()) {
    own.emplace(own_socket_path(options));
    sockets.push_back(own->take());
    setting.standalone = true;
  }
  std::optional<PidFile> pid_file;
  if (!options.pid_file.empty()) pid_file.emplace(options.pid_file);
  raise_descriptor_limit();
  Service service(context, std::move(setting), daemon);
  return service.run(std::move(sockets));
}

int fail(int status, const char* what) {
  log::write(LOG_ERR, log::k_service_failure, what);
  if (log::to_journal() && ::isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "pmld: %s\n", what);
  return status;
}

int guarded_serve(const Options& options, Daemon& daemon) {
  try {
    if (options.daemonize) daemon.detach();
    return serve(options, daemon);
  } catch (const StartFailure& failure) {
    return fail(failure.status(), failure.what());
  } catch (const std::exception& failure) {
    return fail(base::k_exit_software, failure.what());
  }
}

}  // namespace

int main(int count, char** words) {
  const ParsedOptions parsed = parse_options({words + 1, words + count});
  if (!parsed.error.empty()) {
    std::fprintf(stderr, "pmld: %s; see pmld --help\n", parsed.error.c_str());
    return base::k_exit_usage;
  }
  const Options& options = parsed.options;
  if (options.action == Options::Action::help) return std::fputs(help_text(), stdout) < 0;
  if (options.action == Options::Action::version) return std::puts("pmld " PML_VERSION) < 0;
  std::signal(SIGPIPE, SIG_IGN);
  // Who starts pmld by hand reads what it says there; systemd connects it with the journal.
  log::open(
      std::getenv("JOURNAL_STREAM") == nullptr ? log::Sink::standard_error : log::Sink::automatic,
      options.profile.empty() ? std::filesystem::path(options.socket).stem().string()
                              : options.profile);
  event::set_failure_handler(
      [](const char* what) noexcept { log::write(LOG_ERR, log::k_service_failure, what); });
  Daemon daemon;
  const int status = guarded_serve(options, daemon);
  daemon.started(status);
  return status;
}
