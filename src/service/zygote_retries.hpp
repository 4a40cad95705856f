#pragma once

#include <chrono>
#include <optional>

namespace pml::service {

/// When another zygote is to be tried after one was lost, and when that is hopeless. Policy only.
class ZygoteRetries {
 public:
  /// The profile is new.
  void begin() noexcept {
    failures_ = 0;
    delay_ = {};
  }
  void became_warm() noexcept {
    failures_ = 0;
    ever_warm_ = true;
  }
  /// One has failed before it was warm.
  void failed() noexcept { ++failures_; }
  /// One that had served for long was lost: the next is tried at once.
  void served_long() noexcept { delay_ = {}; }
  /// After how long to try again; nothing where no zygote ever became warm and trying on would not
  /// help. `by_itself`: it would fail in the same way, so once is enough.
  [[nodiscard]] std::optional<std::chrono::milliseconds> next(bool by_itself) noexcept;
  /// Whether the last ones all failed.
  [[nodiscard]] bool broken() const noexcept { return failures_ >= 3; }

 private:
  std::chrono::milliseconds delay_{0};
  unsigned failures_ = 0;
  bool ever_warm_ = false;
};

}  // namespace pml::service
