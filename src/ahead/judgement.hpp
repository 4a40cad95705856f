#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ahead/facts.hpp"
#include "ahead/messages.hpp"
#include "wire/request.hpp"

namespace pml::ahead {

/// What is known of a caller: its request, and what the descriptors that it sent tell.
struct Caller {
  const wire::Request* request = nullptr;
  Streams streams;
  std::uint64_t folder_device = 0;  ///< of the current folder
  std::uint64_t folder_inode = 0;
};

/// Looks at the descriptors that came with the request, in its order. Of a request with a terminal
/// of the client's making, those are the job's ends.
[[nodiscard]] Caller look_at_caller(const wire::Request& request,
                                    const std::vector<base::UniqueFd>& descriptors);

/// Why the program of this request never runs ahead, in a few words; nothing where it may. A
/// command (-c) and standard input are not worth it; some options print or stay.
[[nodiscard]] std::optional<std::string> hindrance(const wire::Request& request);

/// What differs between two callers of one program, in a few words ("variable MPLBACKEND"), of all
/// that acts at the interpreter's start and of what was asked; nothing where `now` can be given
/// what ran ahead for `then`. Program, interpreter options and kind are compared, too. Files are
/// not.
[[nodiscard]] std::optional<std::string> difference(const std::vector<Fact>& facts,
                                                    const Caller& then, const Caller& now);

}  // namespace pml::ahead
