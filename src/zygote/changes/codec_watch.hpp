#pragma once

#include <pybind11/pybind11.h>

namespace pml::zygote {

/// Lets each module that is imported, and each job, look codecs up for the first time: that imports
/// encodings.NAME, which who comes second would not be seen to ask for.
class CodecWatch {
 public:
  /// Takes down which codecs are known in every interpreter.
  void start();
  /// Forgets the others. Throws pybind11::error_already_set.
  void forget();
  /// As at the start, with those that every interpreter knows.
  void restore();

 private:
  pybind11::dict first_;
};

}  // namespace pml::zygote
