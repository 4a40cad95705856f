#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "trial/call_table.hpp"
#include "trial/tracee.hpp"

namespace pml::trial {

/// A system call about to be made.
struct Call {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

/// What one call opens or looks for.
enum class Find : std::uint8_t { nothing, file, folder, missing };

/// What becomes of a call, and what is to be told of it.
struct Judgement {
  Verdict verdict = Verdict::stop;
  const char* call = "";
  std::string what;
  std::string path;
  Find find = Find::nothing;
  bool marked = false;  ///< it writes to a marker's descriptor: the trial ends well
};

/// Descriptors that the program was given on purpose.
struct Arrangement {
  std::vector<int> markers;  ///< what is written there ends the trial
  std::vector<int> allowed;  ///< reading and writing there is its supervisor's business
};

[[nodiscard]] Judgement judge(const Call& call, const Tracee& tracee,
                              const Arrangement& arrangement);

}  // namespace pml::trial
