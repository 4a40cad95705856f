#pragma once

#include <optional>
#include <string>

#include "wire/request.hpp"

namespace pml::worker {

/// Takes down what this process has itself, so that a job's start need not ask again. Call it in an
/// idle worker.
void remember_own_context();

/// Gives this process what the caller inherited and a program cannot be handed otherwise: folder,
/// umask, resource limits, nice, scheduling, affinity, out-of-memory score, personality, core dump
/// filter, process group or session; and compares what cannot be given: the session keyring. `cwd`
/// is an O_PATH descriptor. Returns the name of the part that the kernel did not allow, or nothing.
[[nodiscard]] std::optional<std::string> apply_context(const wire::Request& request, int cwd);

/// The same for a process that the caller has started itself, where all that is in place: what the
/// interpreter could not go on with. Returns its name, or nothing.
[[nodiscard]] std::optional<std::string> check_own_context(const wire::Request& request);

/// Sets the soft and hard limit of open files; separate, because descriptors above it must be
/// placed first.
[[nodiscard]] bool apply_descriptor_limit(const wire::Request& request);

/// Blocks exactly what the caller blocked. Last, because it lets pending signals in.
void apply_blocked_signals(const wire::Request& request) noexcept;

}  // namespace pml::worker
