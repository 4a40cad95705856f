#include "service/memory_pressure.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace pml::service {

namespace {

/// Some process stalled for 200 ms within 2 s. Windows that are multiples of 2 s need no privilege.
constexpr char k_trigger[] = "some 200000 2000000";
constexpr std::chrono::seconds k_over{10};

}  // namespace

MemoryPressure::MemoryPressure(event::Loop& loop, std::function<void(bool)> changed)
    : changed_(std::move(changed)),
      file_(base::k_adopt, ::open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC)),
      over_(loop, std::bind_front(&MemoryPressure::ended, this), std::chrono::seconds(1)) {
  // The final NUL belongs to what the kernel expects.
  if (!file_.valid() || ::write(file_.get(), k_trigger, sizeof k_trigger) < 0) return;
  watch_ =
      event::Io(loop, file_.borrow(), EPOLLPRI, [this](std::uint32_t events) { felt(events); });
}

void MemoryPressure::felt(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {
    watch_.reset();
    return;
  }
  over_.arm(k_over);
  if (!std::exchange(pressed_, true)) changed_(true);
}

void MemoryPressure::ended() {
  pressed_ = false;
  changed_(pressed_);
}

}  // namespace pml::service
