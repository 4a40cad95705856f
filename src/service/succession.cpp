#include "service/succession.hpp"

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/exit_status.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"

namespace pml::service {

namespace {

/// A package manager puts its files in place one by one.
constexpr std::chrono::seconds k_upgrade_time{2};

/// Later than any file: what is there at the start is what runs.
constexpr std::time_t k_never = std::numeric_limits<std::int32_t>::max();

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

}  // namespace

Succession::Succession(event::Loop& loop, std::function<void()> may_leave)
    : own_program_(own_program()),
      watch_(loop, [this](const std::string& file) { changed(file); }),
      upgrade_(loop, std::move(may_leave)) {}

void Succession::watch() {
  watch_.watch({own_program_}, {k_never, 0});
}

std::optional<int> Succession::status_to_leave() const {
  if (!replaced_ || upgrade_.armed()) return std::nullopt;
  return ::access(own_program_.c_str(), X_OK) == 0 ? base::k_exit_replaced : 0;
}

void Succession::changed(const std::string& file) {
  log::write(LOG_NOTICE, log::k_service_replaced,
             "pmld was replaced: the new one takes over as soon as nothing runs",
             {{"PML_FILE", file}});
  replaced_ = true;
  upgrade_.arm(k_upgrade_time);
}

}  // namespace pml::service
