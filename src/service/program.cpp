#include "service/program.hpp"

#include <algorithm>

namespace pml::service {

unsigned ProgramRecord::launches_since(std::time_t when) const noexcept {
  return static_cast<unsigned>(
      std::count_if(last.begin(), last.end(), [when](std::time_t item) { return item >= when; }));
}

void ProgramRecord::launched(std::time_t now) noexcept {
  ++launches;
  std::rotate(last.begin(), last.end() - 1, last.end());
  last.front() = now;
}

void ProgramRecord::find_out_anew() {
  template_stops.clear();
  worker_stops.clear();
  question.clear();
  place.clear();
  saves_usec = 0;
  memory = 0;
  given_up.clear();
  given_up_at = 0;
}

bool is_being_tried(const Program& program) noexcept {
  return program.trial || (program.next && program.next->tried());
}

const char* state_of(const Program& program, std::uint64_t now) noexcept {
  if (is_being_tried(program)) return "running-ahead";
  if (program.pool && program.pool->waiting() > 0) return "ready";
  if (program.pool || program.next) return "running-ahead";
  if (!program.record.given_up.empty()) return "given-up";
  if (program.rests_until > now) return "resting";
  return program.declared ? "waiting" : "counted";
}

}  // namespace pml::service
