#pragma once

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <string>

#include "wire/request.hpp"

namespace pml::service {

/// What the service itself was started with, and what jobs of the text dialect get.
class OwnContext {
 public:
  /// Reads it from the calling process, before anything is changed.
  OwnContext();

  /// Fills in everything but the program, the environment and the descriptors. The texts point
  /// into this object.
  void fill(wire::Request& request) const;
  [[nodiscard]] rlimit descriptor_limit() const noexcept;

 private:
  std::array<wire::Limit, wire::k_limit_count> limits_{};
  std::uint32_t umask_ = 022;
  std::int32_t nice_ = 0;
  std::int32_t scheduler_ = 0;
  std::int32_t priority_ = 0;
  std::int32_t oom_score_adjust_ = 0;
  std::int32_t personality_ = 0;
  std::string affinity_;
};

/// Raises the soft limit of open descriptors to the hard one.
void raise_descriptor_limit() noexcept;

}  // namespace pml::service
