#pragma once

#include <functional>
#include <optional>
#include <string>

#include "event/source.hpp"
#include "service/source_watch.hpp"

namespace pml::service {

/// Notices that pmld's own file was replaced, so that a new one can take over. The old program and
/// its zygotes serve on meanwhile; a new zygote would be of the new version.
class Succession {
 public:
  /// `may_leave` is called once the upgrade is over.
  Succession(event::Loop& loop, std::function<void()> may_leave);

  /// Looks from now on. (Only where somebody starts the new one.)
  void watch();
  [[nodiscard]] bool replaced() const noexcept { return replaced_; }
  /// The status to leave with as soon as nothing runs; nothing where this one is to stay.
  [[nodiscard]] std::optional<int> status_to_leave() const;

 private:
  void changed(const std::string& file);

  const std::string own_program_;
  SourceWatch watch_;
  event::Timer upgrade_;  // runs while a package manager may still be at it
  bool replaced_ = false;
};

}  // namespace pml::service
