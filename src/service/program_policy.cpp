#include "service/program_policy.hpp"

#include <algorithm>
#include <utility>

namespace pml::service {

namespace {

constexpr std::chrono::seconds k_first_rest{5};
constexpr std::chrono::seconds k_longest_rest{3600};
/// Of a program that was given up.
constexpr std::chrono::seconds k_first_patience{600};
constexpr std::chrono::seconds k_longest_patience{24 * 3600};
constexpr std::uint64_t k_least_memory = 1U << 20;
constexpr std::uint64_t k_unknown_worth = std::uint64_t{1} << 56;

/// By so much, in tenths, must be better what takes another one's place: what is measured wavers.
constexpr std::uint64_t k_clearly_better = 11;

/// What it saves and what it takes for that.
bool is_known(const Standing& program) noexcept {
  return program.saves_usec != 0 && program.memory != 0;
}

/// Microseconds a launch for each MiB. What is not known yet is worth a try.
std::uint64_t worth(const Standing& program) noexcept {
  if (!is_known(program)) return k_unknown_worth;
  return program.saves_usec * k_least_memory / std::max(program.memory, k_least_memory);
}

bool is_learned(const Standing& program) noexcept {
  return program.running_ahead && !program.declared;
}

}  // namespace

bool ProgramPolicy::may_learn(const Standing& program) const noexcept {
  return limits_.learn && program.launches_today >= k_launches_to_learn && limits_.most > 0 &&
         limits_.memory > 0;
}

// A place, and memory, that are taken by what is worth less count as free: surplus() ends it then.
// One that is not known yet is tried beside those that are.
bool ProgramPolicy::has_room_for(const Standing& candidate,
                                 const std::vector<Standing>& programs) const {
  unsigned count = 0;
  std::uint64_t memory = candidate.memory;
  for (const Standing& other : programs) {
    if (!is_learned(other)) continue;
    const bool less = worth(other) * k_clearly_better < worth(candidate) * 10;
    if (is_known(candidate) ? less : is_known(other)) continue;
    ++count;
    memory += other.memory;
  }
  return is_known(candidate) ? count < limits_.most && memory <= limits_.memory : count == 0;
}

std::optional<std::uint64_t> ProgramPolicy::next(const std::vector<Standing>& programs,
                                                 std::uint64_t now) const {
  if (pressed_) return std::nullopt;
  const Standing* best = nullptr;
  for (const Standing& program : programs) {
    if (!program.has_caller || program.running_ahead || program.given_up ||
        program.rests_until > now)
      continue;
    if (!program.declared && (!may_learn(program) || !has_room_for(program, programs))) continue;
    const bool better = best == nullptr || (program.declared && !best->declared) ||
                        (program.declared == best->declared && worth(program) > worth(*best));
    if (better) best = &program;
  }
  return best != nullptr ? std::optional(best->id) : std::nullopt;
}

std::vector<std::uint64_t> ProgramPolicy::surplus(const std::vector<Standing>& programs) const {
  std::vector<const Standing*> learned;
  for (const Standing& program : programs)
    if (is_learned(program) && (is_known(program) || pressed_ || !limits_.learn))
      learned.push_back(&program);
  std::sort(learned.begin(), learned.end(), [](const Standing* left, const Standing* right) {
    return worth(*left) < worth(*right);
  });
  std::uint64_t memory = 0;
  for (const Standing* program : learned) memory += program->memory;
  std::vector<std::uint64_t> ended;
  std::size_t count = learned.size();
  bool one_more = pressed_;
  for (const Standing* program : learned) {
    const bool forgotten = !limits_.learn || program->launches_today == 0;
    if (!forgotten && count <= limits_.most && memory <= limits_.memory &&
        !std::exchange(one_more, false))
      continue;
    ended.push_back(program->id);
    --count;
    memory -= program->memory;
  }
  return ended;
}

std::chrono::seconds ProgramPolicy::rest_after(unsigned failures) noexcept {
  if (failures == 0) return std::chrono::seconds(0);
  return std::min(k_first_rest * (1 << std::min(failures - 1, 12U)), k_longest_rest);
}

std::chrono::seconds ProgramPolicy::patience_after(unsigned failures) noexcept {
  if (failures == 0) return k_longest_patience;
  return std::min(k_first_patience * (1 << std::min(failures - 1, 12U)), k_longest_patience);
}

}  // namespace pml::service
