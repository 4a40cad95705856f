#include "service/environment_pools.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/controller.hpp"

namespace pml::service {

EnvironmentPools::~EnvironmentPools() {
  stop();
}

std::optional<std::string> EnvironmentPools::make_pool(const std::string& folder) try {
  if (!allowed_) return "the profile has environments = false in [learn], or there is none";
  if (child_ > 0) return "the pool of " + folder_ + " is being made";
  const base::BorrowedFd log(STDERR_FILENO);
  child_ = start_controller({"learn", folder}, log, log);
  folder_ = folder;
  return std::nullopt;
} catch (const std::system_error& error) {
  return error.what();
}

bool EnvironmentPools::reaped(pid_t pid, int wait_status) {
  if (pid != child_) return false;
  child_ = -1;
  const bool made = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  log::write(made ? LOG_INFO : LOG_NOTICE, log::k_environment_learned,
             (made ? "a pool was made for the environment "
                   : "no pool could be made for the environment ") +
                 folder_ + (made ? ", which is used often; pmlctl profile list shows it" : ""));
  return true;
}

void EnvironmentPools::stop() noexcept {
  if (child_ > 0) ::kill(-child_, SIGTERM);
  allowed_ = false;
}

}  // namespace pml::service
