#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "service/environment.hpp"

namespace pml::service {

/// Counts callers that could not be served because a preload read something of the process that
/// they have otherwise, and says when the pool is to be made anew, and how: first with the variable
/// as they have it, and where others are turned away by that, without the module. A few do not
/// count against the many that are served.
class MisledPreloads {
 public:
  /// So many callers with one value of a variable are turned away before the pool follows them.
  static constexpr unsigned k_to_follow = 3;
  /// So many, whatever they have, before the module is not shared any more.
  static constexpr unsigned k_to_renounce = 6;

  /// A caller was turned away because of `module`, which read `variable` ("NAME=VALUE" or "NAME" as
  /// the caller has it; empty: something else than a variable). Returns whether the pool is to be
  /// made anew with what this tells now.
  [[nodiscard]] bool note(std::string_view module, std::string_view variable);

  /// A caller was served.
  void note_served();

  /// Gives the interpreter's environment the values that callers have.
  void apply_to(Variables& environment) const;
  /// By module, why it is not to be shared: a sentence.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& renounced() const noexcept {
    return renounced_;
  }

 private:
  std::map<std::string, unsigned, std::less<>> counts_;  // by module, and by variable
  unsigned served_ = 0;
  std::map<std::string, std::optional<std::string>> followed_;
  std::map<std::string, std::string, std::less<>> renounced_;
};

}  // namespace pml::service
