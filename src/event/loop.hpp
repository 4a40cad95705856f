#pragma once

#include <systemd/sd-event.h>

#include <cstdint>

namespace pml::event {

/// Told what escaped a callback. The loop goes on afterwards.
using FailureHandler = void (*)(const char* what) noexcept;

/// Sets the one handler of the process; without one, failures of callbacks are dropped.
void set_failure_handler(FailureHandler handler) noexcept;

/// Runs `callback`, passing what it throws to the failure handler.
void report_failure() noexcept;
template <typename Callback>
void guarded(Callback&& callback) noexcept {
  try {
    callback();
  } catch (...) {
    report_failure();
  }
}

/// An sd-event loop. Sources made on it must go before it does.
class Loop {
 public:
  /// Throws std::system_error.
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// Runs until exit() is called; returns its code. Throws std::system_error.
  int run();
  void exit(int code) noexcept;

  /// Answers the service manager's watchdog, where it asked for that, at half its interval.
  void answer_watchdog() noexcept;

  /// CLOCK_MONOTONIC in microseconds, read now.
  [[nodiscard]] static std::uint64_t now() noexcept;

  [[nodiscard]] sd_event* get() const noexcept { return loop_; }

 private:
  sd_event* loop_ = nullptr;
};

}  // namespace pml::event
