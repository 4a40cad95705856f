#pragma once

#include <systemd/sd-bus.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/command.hpp"

namespace pml::ctl {

/// The user's service manager.
class Manager {
 public:
  /// Nothing where none runs or it cannot be reached.
  [[nodiscard]] static std::optional<Manager> connect();

  /// "active", "inactive", "failed", "activating", …; empty where it does not say.
  [[nodiscard]] std::string active_state(const std::string& unit);
  /// The last status line of a service; empty where there is none.
  [[nodiscard]] std::string status_text(const std::string& service);
  /// "enabled", "disabled", …; empty where there is no such file.
  [[nodiscard]] std::string file_state(const std::string& unit);

  // Each waits until it is done and throws Failure where the manager refuses or the job fails.
  // Where `wait` is false, start() returns when the manager has taken the order.
  void start(const std::string& unit, bool wait = true) { job("StartUnit", unit, wait); }
  void restart(const std::string& unit, bool wait) { job("RestartUnit", unit, wait); }
  void stop(const std::string& unit) { job("StopUnit", unit, true); }
  void enable(const std::vector<std::string>& units);
  void disable(const std::vector<std::string>& units);
  /// Whether the unit's file has changed since the manager read it.
  [[nodiscard]] bool is_outdated(const std::string& unit);
  /// Forgets that the unit failed.
  void reset_failed(const std::string& unit) noexcept;

 private:
  struct Unref {
    void operator()(sd_bus* bus) const noexcept { sd_bus_flush_close_unref(bus); }
  };
  explicit Manager(sd_bus* bus) : bus_(bus) {}
  void job(const char* method, const std::string& unit, bool wait);
  [[nodiscard]] Failure failed(const std::string& unit);
  void change_files(const char* method, const std::vector<std::string>& units, bool enabling);
  void wait_for(const std::string& job_path, const std::string& unit);
  std::string property(const std::string& unit, const char* interface, const char* name);
  std::string unit_path(const std::string& unit);

  std::unique_ptr<sd_bus, Unref> bus_;
};

[[nodiscard]] std::string socket_unit(const std::string& profile);
[[nodiscard]] std::string service_unit(const std::string& profile);
/// The profile that one of these is of.
[[nodiscard]] std::string profile_of_unit(const std::string& unit);

}  // namespace pml::ctl
