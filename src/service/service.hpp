#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/source.hpp"
#include "profile/profile.hpp"
#include "service/confinement.hpp"
#include "service/daemon.hpp"
#include "service/dispatcher.hpp"
#include "service/front.hpp"
#include "service/hatchery.hpp"
#include "service/late_imports.hpp"
#include "service/memory_pressure.hpp"
#include "service/notifier.hpp"
#include "service/own_context.hpp"
#include "service/programs.hpp"
#include "service/scopes.hpp"
#include "service/source_watch.hpp"
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
  void replaced(const std::string& file);
  void leave_if_replaced();
  void memory_changed(bool pressed);
  void rest();
  void reap();
  void stop(int exit_status);
  void check_stopped();
  void stop_harder();
  [[nodiscard]] std::string status() const;

  event::Loop loop_;
  const OwnContext& context_;
  Setting setting_;
  Daemon& daemon_;
  Gatekeeper gate_;
  base::UniqueFd output_;  // of zygotes
  Notifier notifier_;
  Dispatcher dispatcher_;
  Hatchery hatchery_;
  Programs programs_;
  LateImports late_imports_;
  TextLauncher texts_;
  Front front_;
  event::Signal terminate_, interrupt_, hangup_, child_;
  event::Timer stop_timer_;
  Scopes scopes_;
  SourceWatch sources_;
  const std::string own_program_;  // its path, to notice an upgrade
  SourceWatch own_watch_;
  event::Timer succession_;
  MemoryPressure pressure_;
  event::Timer renewal_;  // of a pool that turned stale, once its files are left alone
  event::Timer idle_exit_;
  Verifier verifier_;
  std::string profile_error_;
  std::uint64_t warm_at_ = 0;
  int renewals_ = 0;  // in quick succession
  int exit_status_ = 0;
  bool ready_ = false;
  bool replaced_ = false;
  bool reloading_ = false;
  bool stopping_ = false;
  bool killing_ = false;
  bool last_wait_ = false;
};

}  // namespace pml::service
