// pmlctl start, stop, restart, enable, disable, reload.
#include <cstdio>

#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "ctl/each.hpp"
#include "ctl/pool_control.hpp"

namespace pml::ctl {

namespace {

std::vector<std::string> wanted(const Options& options) {
  if (!options.words.empty()) return options.words;
  return {profile_of(options)};
}

template <typename Act>
int for_each(const Options& options, Act act) {
  return ctl::for_each(wanted(options), act);
}

std::string count_of(std::size_t count) {
  return count == 1 ? "1 program runs" : std::to_string(count) + " programs run";
}

/// Whether it may end what runs there.
void require_consent(Services& services, const std::string& name, const Options& options) {
  const auto running = services.jobs(name);
  if (!running || running->empty()) return;
  if (!agreed(
          count_of(running->size()) + " in the pool \"" + name + "\" and would be ended. Go on?",
          options.yes))
    throw Failure(k_exit_failure, "nothing was done; pmlctl jobs " + name + " shows what runs");
}

}  // namespace

int start(const Options& options) {
  Services services;
  return for_each(options,
                  [&](const std::string& name) { start_pool(services, name, options.wait); });
}

int stop(const Options& options) {
  Services services;
  return for_each(options, [&](const std::string& name) {
    require_known(services, name);
    require_consent(services, name, options);
    stop_pool(services, name);
  });
}

int restart(const Options& options) {
  Services services;
  return for_each(options, [&](const std::string& name) {
    require_profile(name);
    require_consent(services, name, options);
    restart_pool(services, name, options.wait);
  });
}

int enable(const Options& options) {
  Services services;
  return for_each(options, [&](const std::string& name) {
    enable_pool(services, name);
    start_pool(services, name, options.wait);
  });
}

int disable(const Options& options) {
  Services services;
  return for_each(options, [&](const std::string& name) {
    require_name(name);
    require_known(services, name);
    disable_pool(services, name);
    if (services.status(name))
      std::printf("\"%s\" still runs, until logout or: pmlctl stop %s\n", name.c_str(),
                  name.c_str());
  });
}

int reload(const Options& options) {
  Services services;
  return for_each(options,
                  [&](const std::string& name) { reload_pool(services, name, options.wait); });
}

}  // namespace pml::ctl
