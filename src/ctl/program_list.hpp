#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ctl/json.hpp"

namespace pml::ctl {

/// A program that a service knows (the answer to "programs", pml-protocol(7)).
struct ProgramLine {
  std::string name, kind, target, state;
  bool declared = false;
  std::uint64_t launches = 0;
  std::uint64_t warm = 0;            ///< of the launches, by a worker that had run it ahead
  std::uint64_t saves_usec = 0;      ///< each
  std::uint64_t saved_usec = 0;      ///< in all
  std::uint64_t memory = 0;          ///< bytes
  std::string why;                   ///< in one line: where it stops, or why it does not run ahead
  std::shared_ptr<const Json> json;  ///< all that was told; never null
};

/// Reads the answer; what is no object is left out.
[[nodiscard]] std::vector<ProgramLine> parse_programs(std::string_view answer);

/// A table of them; empty where there are none.
[[nodiscard]] std::string programs_table(const std::vector<ProgramLine>& programs);

}  // namespace pml::ctl
