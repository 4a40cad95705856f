#include "event/loop.hpp"

#include <time.h>

#include <exception>

#include "base/check.hpp"

namespace pml::event {

namespace {

FailureHandler failure_handler = nullptr;

}  // namespace

void set_failure_handler(FailureHandler handler) noexcept {
  failure_handler = handler;
}

void report_failure() noexcept {
  if (failure_handler == nullptr) return;
  try {
    throw;
  } catch (const std::exception& failure) {
    failure_handler(failure.what());
  } catch (...) {
    failure_handler("unknown failure");
  }
}

Loop::Loop() {
  base::check_sd(sd_event_new(&loop_), "cannot make an event loop");
}

Loop::~Loop() {
  sd_event_unref(loop_);
}

int Loop::run() {
  return base::check_sd(sd_event_loop(loop_), "the event loop failed");
}

void Loop::exit(int code) noexcept {
  sd_event_exit(loop_, code);
}

void Loop::answer_watchdog() noexcept {
  sd_event_set_watchdog(loop_, 1);
}

std::uint64_t Loop::now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

}  // namespace pml::event
