#pragma once

#include "worker/python.hpp"

namespace pml::worker {

/// While one lives, the process forks a worker, or has just become one.
class Birth {
 public:
  Birth() noexcept;
  ~Birth();
  Birth(const Birth&) = delete;
  Birth& operator=(const Birth&) = delete;
};

/// For os.register_at_fork in place of `function`: calls it at every fork but a worker's birth.
/// Null with a Python exception set where memory is short.
[[nodiscard]] Ref idle_at_birth(PyObject* function);

}  // namespace pml::worker
