#include "event/source.hpp"

#include <memory>

#include "base/check.hpp"

namespace pml::event {

namespace {

// Lives as long as sd-event's source, which outlives a callback that drops its own handle.
template <typename... Arguments>
struct Callback {
  std::function<void(Arguments...)> call;
  static void destroy(void* self) { delete static_cast<Callback*>(self); }
  static void run(void* self, Arguments... arguments) noexcept {
    guarded([&] { static_cast<Callback*>(self)->call(arguments...); });
  }
};

using IoCallback = Callback<std::uint32_t>;
using SignalCallback = Callback<const signalfd_siginfo&>;
using PlainCallback = Callback<>;

int on_io(sd_event_source*, int, std::uint32_t events, void* self) {
  IoCallback::run(self, events);
  return 0;
}

int on_signal(sd_event_source*, const signalfd_siginfo* info, void* self) {
  SignalCallback::run(self, *info);
  return 0;
}

int on_time(sd_event_source*, std::uint64_t, void* self) {
  PlainCallback::run(self);
  return 0;
}

int on_defer(sd_event_source*, void* self) {
  PlainCallback::run(self);
  return 0;
}

template <typename Holder>
void keep(sd_event_source* source, std::unique_ptr<Holder> holder) {
  sd_event_source_set_destroy_callback(source, &Holder::destroy);
  static_cast<void>(holder.release());
}

}  // namespace

void Source::reset() noexcept {
  if (source_ != nullptr) sd_event_source_disable_unref(std::exchange(source_, nullptr));
}

void Source::set_priority(std::int64_t priority) noexcept {
  if (source_ != nullptr) sd_event_source_set_priority(source_, priority);
}

void Source::enable(int how) noexcept {
  if (source_ != nullptr) sd_event_source_set_enabled(source_, how);
}

Io::Io(Loop& loop, base::BorrowedFd fd, std::uint32_t events,
       std::function<void(std::uint32_t)> callback) {
  auto holder = std::make_unique<IoCallback>(IoCallback{std::move(callback)});
  base::check_sd(sd_event_add_io(loop.get(), &source_, fd.get(), events, on_io, holder.get()),
                 "cannot watch a descriptor");
  keep(source_, std::move(holder));
}

void Io::set_events(std::uint32_t events) noexcept {
  if (source_ != nullptr) sd_event_source_set_io_events(source_, events);
}

Signal::Signal(Loop& loop, int signal, std::function<void(const signalfd_siginfo&)> callback) {
  auto holder = std::make_unique<SignalCallback>(SignalCallback{std::move(callback)});
  base::check_sd(sd_event_add_signal(loop.get(), &source_, signal | SD_EVENT_SIGNAL_PROCMASK,
                                     on_signal, holder.get()),
                 "cannot watch a signal");
  keep(source_, std::move(holder));
}

Timer::Timer(Loop& loop, std::function<void()> callback, std::chrono::microseconds accuracy) {
  auto holder = std::make_unique<PlainCallback>(PlainCallback{std::move(callback)});
  base::check_sd(
      sd_event_add_time(loop.get(), &source_, CLOCK_MONOTONIC, 0,
                        static_cast<std::uint64_t>(accuracy.count()), on_time, holder.get()),
      "cannot make a timer");
  enable(SD_EVENT_OFF);
  keep(source_, std::move(holder));
}

void Timer::arm(std::chrono::microseconds delay) noexcept {
  if (source_ == nullptr) return;
  sd_event_source_set_time(source_, Loop::now() + static_cast<std::uint64_t>(delay.count()));
  enable(SD_EVENT_ONESHOT);
}

void Timer::disarm() noexcept {
  enable(SD_EVENT_OFF);
}

bool Timer::armed() const noexcept {
  int enabled = SD_EVENT_OFF;
  return source_ != nullptr && sd_event_source_get_enabled(source_, &enabled) > 0;
}

Deferred::Deferred(Loop& loop, std::function<void()> callback) {
  auto holder = std::make_unique<PlainCallback>(PlainCallback{std::move(callback)});
  base::check_sd(sd_event_add_defer(loop.get(), &source_, on_defer, holder.get()),
                 "cannot make a deferred event");
  enable(SD_EVENT_OFF);
  set_priority(k_priority_last);
  keep(source_, std::move(holder));
}

}  // namespace pml::event
