#pragma once

#include <string>
#include <vector>

#include "ctl/process.hpp"
#include "ctl/samples.hpp"

namespace pml::ctl {

/// One way to start the program, and how long it took.
struct Contender {
  std::string name;                ///< "python3", "pml", "pml -p sci"
  std::vector<std::string> words;  ///< what is executed
  Samples times = {};
};

/// What a program did, as far as two runs of it can be compared.
struct Behaviour {
  int wait_status = 0;
  std::string standard_output, standard_error;

  friend bool operator==(const Behaviour&, const Behaviour&) = default;
};

/// Runs it once, nothing to read, and keeps what it writes.
[[nodiscard]] Behaviour watched(const Contender& contender);

/// In what `warm` differs from `cold`, in words: "its exit status (0, 1)"; empty: in nothing.
[[nodiscard]] std::string difference(const Behaviour& cold, const Behaviour& warm);

/// How it ended: "status 1", "SIGKILL".
[[nodiscard]] std::string ending_of(int wait_status);

/// Throws Failure where the program fails, with `remedy` (empty: it may fail), or where it does not
/// do with pml what it does with python3. A program that does not even do the same twice with
/// python3 is compared by its exit status alone.
void require_same(const std::vector<Contender>& contenders, const std::string& remedy,
                  const std::vector<std::string>& profiles);

/// As hyperfine writes it, times in seconds.
[[nodiscard]] std::string markdown_of(const std::vector<Contender>& contenders);
[[nodiscard]] std::string json_export_of(const std::vector<Contender>& contenders);

}  // namespace pml::ctl
