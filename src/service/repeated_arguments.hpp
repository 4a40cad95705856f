#pragma once

#include <string>

namespace pml::service {

/// Which arguments a program that runs ahead may be told before a caller brings them: those that
/// came twice in a row. Pure. They live in this object only; encoded, as wire::encode_arguments()
/// does it.
class RepeatedArguments {
 public:
  /// A caller came with them.
  void launched(std::string arguments);
  /// What ran ahead with the wanted ones has served a caller.
  void came_true() noexcept { in_vain_ = misses_ = 0; }
  /// A caller with the wanted ones was not like the one for whom it had gone on.
  void missed() noexcept { ++misses_; }
  /// Whether that happens again and again.
  [[nodiscard]] bool misses() const noexcept;
  /// Another is made, for that caller.
  void forget_misses() noexcept { misses_ = 0; }
  /// It was for nothing: a file that it had read has changed.
  void was_in_vain() noexcept { ++in_vain_; }
  /// It comes no further with them than without.
  void are_useless() noexcept;

  /// Whether a worker should have gone on with `wanted()`.
  [[nodiscard]] bool any() const noexcept;
  [[nodiscard]] const std::string& wanted() const noexcept { return wanted_; }

 private:
  std::string last_;
  std::string wanted_;    // empty: none; encoded ones never are
  unsigned in_vain_ = 0;  // in a row
  unsigned misses_ = 0;   // likewise
};

}  // namespace pml::service
