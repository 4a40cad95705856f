#pragma once

#include <functional>

#include "event/source.hpp"
#include "service/dispatcher.hpp"
#include "service/hatchery.hpp"
#include "service/programs.hpp"

namespace pml::service {

/// The end of the service, step by step: no more workers, then the jobs, then the zygotes and
/// templates, then what was theirs. Who asks twice, or waits for too long, is served harder.
class Shutdown {
 public:
  /// `asked` is called when a signal asks for the end. All outlive it.
  Shutdown(event::Loop& loop, Dispatcher& dispatcher, Hatchery& hatchery, Programs& programs,
           const std::function<void()>& asked);

  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] int exit_status() const noexcept { return exit_status_; }
  /// From now on it has begun. False where it had already: who asks twice does not want to wait.
  bool begin(int exit_status);
  /// The first step: jobs get SIGTERM; `bounded`: and after a while SIGKILL, which else is the
  /// manager's business.
  void proceed(bool bounded);
  /// Something has ended: ends the loop where nothing is left, or goes on to the next step.
  void check();
  /// Does not wait any longer.
  void press();

 private:
  event::Loop& loop_;
  Dispatcher& dispatcher_;
  Hatchery& hatchery_;
  Programs& programs_;
  event::Signal terminate_, interrupt_;
  event::Timer timer_;
  int exit_status_ = 0;
  bool begun_ = false;
  bool killing_ = false;
  bool last_wait_ = false;
};

}  // namespace pml::service
