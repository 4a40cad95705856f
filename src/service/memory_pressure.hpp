#pragma once

#include <functional>

#include "event/source.hpp"

namespace pml::service {

/// Says when the system runs short of memory (the kernel's pressure-stall information), and when
/// that has been over for a while. Silent where the kernel does not offer it.
class MemoryPressure {
 public:
  MemoryPressure(event::Loop& loop, std::function<void(bool pressed)> changed);

 private:
  void felt(std::uint32_t events);
  void ended();

  std::function<void(bool)> changed_;
  base::UniqueFd file_;
  event::Io watch_;
  event::Timer over_;
  bool pressed_ = false;
};

}  // namespace pml::service
