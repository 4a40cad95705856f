#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "service/hatchery.hpp"

namespace pml::service {

/// A zygote as the hatchery sees it.
struct Hatchery::Zygote {
  std::unique_ptr<ZygoteLink> link;
  std::string importing;  // the module whose import has begun and not ended
  unsigned imported = 0;
  unsigned to_import = 0;
  std::uint64_t warm_since = 0;
  std::time_t warm_time = 0;
  timespec started{};
  std::vector<std::string> files;
  std::vector<std::string> shared;  // modules that jobs share
  std::string unfit;                // why it cannot be one
  bool hung = false;
  bool on_trial = false;  // it is not to serve, only to be observed while it imports
};

}  // namespace pml::service
