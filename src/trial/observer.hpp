#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "trial/judge.hpp"
#include "trial/recording.hpp"
#include "trial/result.hpp"

namespace pml::trial {

/// What is to be tried, and how far.
struct Plan {
  std::vector<std::string> command;  ///< looked for in PATH where it has no slash
  Arrangement arrangement;
  std::chrono::milliseconds seconds{30000};
  std::chrono::milliseconds cpu_seconds{5000};
  std::uint64_t memory = 0;  ///< bytes that it may have in memory; 0: as many as it likes
  bool awaits = false;       ///< calls are looked at only while the process asks for attention
  bool silent = true;        ///< its standard streams are /dev/null
  int kept = -1;             ///< a descriptor of this process that it is not given
};

/// Runs a command under ptrace until it stops, and kills it. One at a time in a process: waits for
/// any child, and uses SIGALRM and the real timer.
class Observer {
 public:
  /// Throws std::system_error.
  explicit Observer(const Plan& plan);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  [[nodiscard]] Result run();

 private:
  enum class Step { go_on, over };

  bool start();
  void follow();
  [[nodiscard]] bool looks() const noexcept;
  Step stopped(pid_t thread, int status);
  Step at_call(pid_t thread);
  Step judged(const Judgement& judgement, const Call& call, const Tracee& tracee);
  Step ended(pid_t thread, int status);
  void let_go_child_of(pid_t thread) noexcept;
  Step check_bounds();
  void note(std::vector<Asked>& list, const Judgement& judgement);
  void note_path(const Judgement& judgement);
  void finish();

  const Plan& plan_;
  Recording recording_;
  pid_t child_ = -1;
  bool began_ = false;  // the command itself runs
  std::chrono::steady_clock::time_point since_;
  Result result_;
  std::set<std::string> seen_;  // of what was noted
};

/// Why no trial can be made here; nothing where it can.
[[nodiscard]] std::optional<std::string> why_unavailable();

}  // namespace pml::trial
