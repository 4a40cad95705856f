#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <string>

#include "event/loop.hpp"
#include "service/job_log.hpp"

namespace pml::service {

/// Puts jobs into transient scopes of their own under app.slice, through the user's bus. Never
/// blocks; without a bus, or where the manager refuses, jobs stay in the service's control group.
class Scopes {
 public:
  /// `moved` is called with the number of each job (JobName) that has a scope of its own now.
  Scopes(event::Loop& loop, std::string profile, std::function<void(std::uint64_t number)> moved);
  Scopes(const Scopes&) = delete;
  Scopes& operator=(const Scopes&) = delete;
  ~Scopes();

  /// Asks for a scope of the job's process. `description` is shown by systemctl.
  void ask(const JobName& job, const std::string& description) noexcept;

 private:
  struct Question;
  static int answered(sd_bus_message* answer, void* question, sd_bus_error* error) noexcept;
  bool connect() noexcept;
  void failed(const char* what) noexcept;

  event::Loop& loop_;
  std::string profile_;
  std::function<void(std::uint64_t)> moved_;
  sd_bus* bus_ = nullptr;
  bool complained_ = false;
};

}  // namespace pml::service
