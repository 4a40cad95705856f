#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/source.hpp"
#include "profile/profile.hpp"
#include "service/daemon.hpp"
#include "service/dispatcher.hpp"
#include "service/environment_pools.hpp"
#include "service/front.hpp"
#include "service/hatchery.hpp"
#include "service/late_imports.hpp"
#include "service/memory_pressure.hpp"
#include "service/notifier.hpp"
#include "service/own_context.hpp"
#include "service/pool_renewal.hpp"
#include "service/programs.hpp"
#include "service/scopes.hpp"
#include "service/shutdown.hpp"
#include "service/succession.hpp"
#include "service/text_launch.hpp"
#include "service/verifier.hpp"

namespace pml::service {

/// What makes one service differ from another.
struct Setting {
  profile::Profile profile;
  /// Reads the profile again; empty for a standalone service.
  std::function<profile::Result()> reload;
  bool standalone = false;  ///< no manager bounds the stop, so this process does
};

/// The running service: everything wired together, and the life of the whole from the first
/// zygote to the last process.
class Service : private HatcheryListener, private RequestTaker {
 public:
  /// Throws std::system_error.
  Service(const OwnContext& context, Setting setting, Daemon& daemon);

  /// Serves `sockets` until it is told to stop; returns the exit status.
  int run(std::vector<base::UniqueFd> sockets);

 private:
  // RequestTaker
  void submit(Ticket ticket, const wire::Request& request) override;
  void submit_text(Client client, std::string_view line) override;
  void turn_away(Client& client, wire::Refusal reason, std::string_view detail) override;
  // HatcheryListener
  void became_warm(const std::vector<std::string>& files, timespec started) override;
  void never_warm(int exit_status, const std::string& why) override;
  void hatchery_changed() override;
  void imager_came(base::UniqueFd link, std::uint32_t generation) override;

  [[nodiscard]] const char* obstacle_in_place() const;
  void make_image();

  void verify();
  void note_difference(const std::string& module, const std::string& difference);
  void verified();
  void answer(Client& client, const TextQuestion& question);
  void answer_of_programs(Client& client, const TextQuestion& question);
  void apply(const profile::Profile& profile, bool anew = false);
  void open_output();
  void counts_changed();
  void reload();
  void turned_stale(const std::string& file);
  void leave_if_replaced();
  void memory_changed(bool pressed);
  void rest();
  void reap();
  void stop(int exit_status);
  [[nodiscard]] std::string status() const;

  /// How it fares.
  struct Condition {
    std::string profile_error;  // what is wrong with the profile that was to be loaded
    bool ready = false;         // it was warm once
    bool reloading = false;     // the manager waits for a new pool
  };

  struct Signals {
    event::Signal hangup, child;
  };

  event::Loop loop_;
  Setting setting_;
  Daemon& daemon_;
  Notifier notifier_;
  Dispatcher dispatcher_;
  Hatchery hatchery_;
  Programs programs_;
  LateImports late_imports_;
  TextLauncher texts_;
  Front front_;
  Signals signals_;
  Scopes scopes_;
  PoolRenewal renewal_;
  Succession succession_;
  Shutdown shutdown_;
  MemoryPressure pressure_;
  event::Timer idle_exit_;
  Verifier verifier_;
  EnvironmentPools environments_;
  Condition condition_;
};

}  // namespace pml::service
