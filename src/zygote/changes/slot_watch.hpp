#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "zygote/imports/import_log.hpp"

namespace pml::zygote {

/// Sees functions that compiled code puts into the interpreter's own types, in the place of theirs:
/// how any module, any class is asked for an attribute. A job has them from the import on that did
/// it.
class SlotWatch {
 public:
  /// Takes down what a fresh interpreter has.
  void start();
  /// What differs now is the recorder's own doing.
  void start_spied();
  /// Writes down what changed since the last call.
  void note(ImportRecord& record);
  /// Everything as in a fresh interpreter. To be called when the recorder's own are gone.
  void restore();

 private:
  static constexpr std::size_t k_slots = 14;
  using Slots = std::array<void*, k_slots>;
  struct Watched {
    PyTypeObject* type;  ///< one that lasts as long as the process
    Slots first;
    Slots seen;
  };
  static Slots slots_of(const PyTypeObject* type);

  std::vector<Watched> types_;
};

}  // namespace pml::zygote
