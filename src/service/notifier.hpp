#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "event/source.hpp"

namespace pml::service {

/// Tells the service manager how the service fares. Does nothing where there is no manager.
class Notifier {
 public:
  /// `describe` gives the status line; it is asked only when one is sent.
  Notifier(event::Loop& loop, std::function<std::string()> describe);

  void ready();
  void reloading();
  void stopping();
  /// Lets the start (or stop) take so much longer, counted from now.
  void extend_timeout(std::chrono::microseconds more);
  /// The cause of an end that restarting does not mend.
  void failed(int error, const std::string& status);

  /// The status may have changed: it is sent soon, at most once a second, and only if it differs.
  void changed();
  /// Sends the status now.
  void flush();

 private:
  void send(const std::string& state) const;

  std::function<std::string()> describe_;
  event::Timer timer_;
  std::uint64_t sent_at_ = 0;
  std::string sent_;
  bool failed_ = false;
  bool active_;
};

}  // namespace pml::service
