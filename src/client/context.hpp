#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"
#include "client/reason.hpp"
#include "client/signals.hpp"
#include "wire/request.hpp"

namespace pml::client {

/// Memory and descriptors behind the parts of a request that describe the caller.
struct Context {
  std::array<char, 4096> folder_path{};
  std::array<char, 1024> affinity{};  // as many processors as a kernel can have
  base::UniqueFd folder;              ///< O_PATH descriptor of the caller's folder
  std::vector<int> inherited;         ///< the numbers of the caller's open descriptors, ascending
};

/// Fills everything of `request` that describes the calling process: environment, folder, limits,
/// scheduling, signals, descriptors. `own` are descriptors of pml, not the caller's; `blocked` is
/// the caller's signal mask. The request points into `context` and the process's environment.
/// Returns what cannot be handed over, or nothing.
[[nodiscard]] std::optional<Reason> collect_context(wire::Request& request, Context& context,
                                                    std::span<const int> own, SignalSet blocked);

/// The part of it that a process which becomes the job itself has to know.
[[nodiscard]] bool collect_own_context(wire::Request& request, Context& context, SignalSet blocked);

/// The open descriptors of this process but `own`, ascending. Nothing where they cannot be found.
[[nodiscard]] std::optional<std::vector<int>> open_descriptors(std::span<const int> own);

}  // namespace pml::client
