#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace pml::service {

/// What the policy knows of a program.
struct Standing {
  std::uint64_t id = 0;
  bool declared = false;
  bool has_caller = false;        ///< somebody has started it since the service began
  bool running_ahead = false;     ///< a process of its own is there, or being made
  bool given_up = false;          ///< it does not run ahead until something changes
  unsigned launches_today = 0;    ///< within 24 hours; counted up to what is enough to be learned
  std::uint64_t saves_usec = 0;   ///< each launch; 0: not known yet
  std::uint64_t memory = 0;       ///< bytes of its own; 0: not known yet
  std::uint64_t rests_until = 0;  ///< monotonic microseconds; after a failure
};

/// What the profile's [learn] says.
struct LearningLimits {
  bool learn = true;
  std::uint64_t memory = std::uint64_t{512} << 20;
  unsigned most = 16;
};

inline constexpr unsigned k_launches_to_learn = 3;
/// A program that would save less than that, beside the interpreter's start, is not worth a
/// process.
inline constexpr std::uint64_t k_least_saving_usec = 20000;

/// Which programs run ahead: standings in, decisions out. Knows nothing of processes or time; the
/// owner does what it says and asks again.
class ProgramPolicy {
 public:
  void set_limits(const LearningLimits& limits) noexcept { limits_ = limits; }
  /// The system runs short of memory.
  void set_pressure(bool pressed) noexcept { pressed_ = pressed; }

  /// The one to start now; nothing where all is as it should be. Declared ones come first, then
  /// what saves most for its memory. `now`: monotonic microseconds.
  [[nodiscard]] std::optional<std::uint64_t> next(const std::vector<Standing>& programs,
                                                  std::uint64_t now) const;
  /// Those to be ended: learned ones that nobody starts any more, beyond `most`, or beyond the
  /// memory. Under pressure, each time it is asked, one more.
  [[nodiscard]] std::vector<std::uint64_t> surplus(const std::vector<Standing>& programs) const;

  /// How long to rest after so many failures in a row.
  [[nodiscard]] static std::chrono::seconds rest_after(unsigned failures) noexcept;
  /// When to run a learned program ahead again that has been given up after so many failures in a
  /// row: what it lacked may have come meanwhile. After none, what was found out about it holds for
  /// a day.
  [[nodiscard]] static std::chrono::seconds patience_after(unsigned failures) noexcept;

 private:
  [[nodiscard]] bool may_learn(const Standing& program) const noexcept;
  [[nodiscard]] bool has_room_for(const Standing& candidate,
                                  const std::vector<Standing>& programs) const;

  LearningLimits limits_;
  bool pressed_ = false;
};

}  // namespace pml::service
