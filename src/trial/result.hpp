#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pml::trial {

/// How a trial of a program ended.
enum class Outcome {
  ended,        ///< by its own marker: it had got as far as it wanted
  stopped,      ///< before a call that must not be made ahead, which was not made
  exited,       ///< the program would have ended by itself; it was not let
  died,         ///< of a signal
  timed_out,    ///< too much time, of the clock's or of the processor's
  too_large,    ///< too much memory
  unavailable,  ///< no trial can be made here
};

/// "ended", "stopped", …
[[nodiscard]] const char* name_of(Outcome outcome);

/// A call that somebody else could answer otherwise, or notice.
struct Asked {
  std::string call;    ///< name of the system call
  std::string what;    ///< in words: "writes to standard output"
  std::string path;    ///< where it has one
  std::string module;  ///< that was being imported, or what the program noted last; or empty

  bool operator==(const Asked&) const = default;
};

/// What compiled code asked the C library.
struct AskedLibrary {
  std::string kind;  ///< "draw", "variable", "seed", "setting" or "clock"
  std::string name;
  std::string library;
  std::string module;

  bool operator==(const AskedLibrary&) const = default;
};

/// What a trial of a program has found. Each thing once, in order.
struct Result {
  Outcome outcome = Outcome::unavailable;
  std::string text;  ///< the marker's (ended), or why not (unavailable)
  int status = 0;    ///< exit status (exited) or signal (died)
  std::optional<Asked> stop;
  std::vector<Asked> own;    ///< what no two processes have in common: a template stops before it
  std::vector<Asked> facts;  ///< what holds as long as the answer is the same
  std::vector<std::string> files, folders;  ///< opened, absolute
  std::vector<std::string> missing;         ///< looked for in vain
  std::vector<AskedLibrary> library;        ///< empty without the recorder
  bool recorded = false;                    ///< whether the recorder was in its place
  double seconds = 0, cpu_seconds = 0;      ///< until then
  std::uint64_t max_rss = 0;                ///< bytes
};

[[nodiscard]] std::string json_of(const Result& result);
/// Nothing where it is not what json_of gives.
[[nodiscard]] std::optional<Result> result_of(const std::string& json);

}  // namespace pml::trial
