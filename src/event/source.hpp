#pragma once

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/unique_fd.hpp"
#include "event/loop.hpp"

namespace pml::event {

/// The smaller number is served first; 0 is what a source has, and those of one number take turns.
inline constexpr std::int64_t k_priority_last = 100;

/// A handle on one event source: the source vanishes with it. Move-only. A callback may destroy or
/// replace the handle it was called for. What a callback throws goes to the failure handler.
class Source {
 public:
  Source() noexcept = default;
  Source(Source&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
  Source& operator=(Source&& other) noexcept {
    if (this != &other) {
      reset();
      source_ = std::exchange(other.source_, nullptr);
    }
    return *this;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { reset(); }

  void reset() noexcept;
  [[nodiscard]] bool valid() const noexcept { return source_ != nullptr; }
  void set_priority(std::int64_t priority) noexcept;

 protected:
  void enable(int how) noexcept;  // SD_EVENT_ON, _OFF or _ONESHOT
  sd_event_source* source_ = nullptr;
};

/// Calls back with the EPOLL* bits that came true of `events`. The descriptor must outlive it.
class Io : public Source {
 public:
  Io() noexcept = default;
  Io(Loop& loop, base::BorrowedFd fd, std::uint32_t events,
     std::function<void(std::uint32_t)> callback);
  void set_events(std::uint32_t events) noexcept;
  void pause() noexcept { enable(SD_EVENT_OFF); }
  void resume() noexcept { enable(SD_EVENT_ON); }
};

/// Calls back for each `signal`, which it blocks in the calling thread.
class Signal : public Source {
 public:
  Signal() noexcept = default;
  Signal(Loop& loop, int signal, std::function<void(const signalfd_siginfo&)> callback);
};

/// Calls back once each time it was armed. Made disarmed.
class Timer : public Source {
 public:
  Timer() noexcept = default;
  /// May be late by `accuracy`, so that wake-ups fall together.
  Timer(Loop& loop, std::function<void()> callback,
        std::chrono::microseconds accuracy = std::chrono::milliseconds(10));
  /// Fires once, `delay` from now; replaces what was armed before.
  void arm(std::chrono::microseconds delay) noexcept;
  void disarm() noexcept;
  [[nodiscard]] bool armed() const noexcept;
};

/// Calls back once each time it was asked for, when nothing more urgent is pending.
class Deferred : public Source {
 public:
  Deferred() noexcept = default;
  Deferred(Loop& loop, std::function<void()> callback);
  void ask() noexcept { enable(SD_EVENT_ONESHOT); }
};

}  // namespace pml::event
