#pragma once

#include <cstdint>
#include <optional>

#include "worker/python.hpp"

namespace pml::worker {

/// The seed of numpy's legacy generator, numpy.random.mtrand._rand, as an import of numpy leaves
/// it: a SeedSequence with entropy of the system's, and the state that it gives. Renewed here
/// without numpy's own code, which writes to a hundred pages.
class NumpySeed {
 public:
  /// Of a generator that nobody has used yet; none where any of its parts is not what is known of
  /// numpy 1.17 to 2.x, each of which is compared.
  [[nodiscard]] static std::optional<NumpySeed> of(PyObject* generator);

  /// Other entropy, and all that follows from it. Returns false where the system gave none.
  bool renew() noexcept;

 private:
  static constexpr int k_words = 624;
  static constexpr int k_pool = 4;

  /// What numpy's generator of kind MT19937 has.
  struct State {
    std::uint32_t key[k_words];
    int position;
  };

  NumpySeed() = default;

  Ref sequence_;
  PyObject** entropy_ = nullptr;   // in the sequence
  std::uint32_t* pool_ = nullptr;  // of the sequence
  State* state_ = nullptr;         // of the generator
};

}  // namespace pml::worker
