#pragma once

#include <string>

namespace pml::zygote::ahead {

/// The template has come as far as all its callers have in common: says so, and forks workers from
/// here on service's orders. Returns in each worker, never in the template.
void stop_template(const std::string& what);

/// The worker has come to what only its caller can answer: says so, waits for its job, and returns
/// when it has taken the caller's context and nothing listens any more; or, before the program's
/// arguments, when it is told some to go on with. Where there is no job for it, it leaves.
/// `went_on`: the program did since the template's stop.
void stop_worker(const std::string& what, bool went_on);

/// The program does not run ahead: says why, and leaves. `module` is one before whose import the
/// template has to stop another time, or empty.
[[noreturn]] void give_up(const std::string& why, const std::string& module = {});

/// Stops between two instructions, or gives up, when the program takes too much, from here on.
void start_bounds();
void stop_bounds();

/// Threads of this process.
[[nodiscard]] int count_threads() noexcept;

}  // namespace pml::zygote::ahead
