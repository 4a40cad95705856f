#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/unique_fd.hpp"

namespace pml::client {

/// The time line of a launch, written to standard error when PML_TRACE asks for it. Costs nothing
/// otherwise.
class Trace {
 public:
  /// Starts the clock where `variable`, the value of PML_TRACE, is neither null, empty nor "0".
  explicit Trace(const char* variable) noexcept;

  [[nodiscard]] bool enabled() const noexcept { return enabled_; }
  /// A copy of standard error that outlives the client's own; invalid where tracing is off.
  [[nodiscard]] base::BorrowedFd descriptor() const noexcept { return error_.borrow(); }

  /// Notes that `what`, a literal, happened now.
  void mark(const char* what) noexcept {
    if (enabled_) note(what);
  }
  /// Writes the marks, each with the microseconds since the start, in one line.
  void write_line();
  /// Writes one line of text.
  void say(std::string_view text) const;

 private:
  struct Mark {
    const char* what;
    std::int64_t nanoseconds;
  };
  void note(const char* what) noexcept;

  bool enabled_ = false;
  base::UniqueFd error_;
  std::int64_t start_ = 0;
  std::array<Mark, 24> marks_{};
  std::size_t count_ = 0;
};

/// Writes "pml: TEXT" and a newline to `descriptor`, in one call.
void say(base::BorrowedFd descriptor, std::string_view text);

}  // namespace pml::client
