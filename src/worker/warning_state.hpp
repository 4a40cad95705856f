#pragma once

#include <vector>

#include "worker/python.hpp"

namespace pml::worker {

/// What becomes of a warning: the filters, and what shows one.
class WarningState {
 public:
  WarningState();

  /// What is there now is what an import is to find.
  void settle();
  /// Whether the program has changed it since.
  [[nodiscard]] bool has_changed() const;

 private:
  template <typename Use>
  static void look(Use&& use);

  std::vector<const PyObject*> settled_;  // a reference would copy the page of each
};

}  // namespace pml::worker
