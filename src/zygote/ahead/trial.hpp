#pragma once

#include <string>

namespace pml::zygote::ahead {

/// Whether the program runs under observation (src/trial): then nothing is forked, what any process
/// has for itself is no stop, and compiled code runs: the observer sees what it asks.
[[nodiscard]] bool on_trial() noexcept;

/// Asks the observer to look from now on. False where nobody would hear it: then the program must
/// not run.
[[nodiscard]] bool begin_trial();

/// The module that is being imported from now on, by which the observer names what it sees.
void note_imported(const std::string& module);

/// Compiled code that is about to run: a shared object, "dlopen NAME", "calls NAME".
void note_tried(const std::string& what);

/// What comes is allowed, until the next import or call of compiled code that does not come from
/// the function `asker` ("module:function", shell pattern); and from then on all is looked at
/// again. Nothing where there is no trial.
void trust_what_comes(const std::string& asker);
void look_at_what_comes();

/// While one lives in a trial, what is done was heard in Python.
class Trusted {
 public:
  explicit Trusted(bool heard) noexcept;
  ~Trusted();
  Trusted(const Trusted&) = delete;
  Trusted& operator=(const Trusted&) = delete;

 private:
  bool active_;
  unsigned before_ = 0;
};

/// Whether what is asked for are arguments that the trial is to go on with (Plan::arguments): they
/// are told then, once.
[[nodiscard]] bool trial_goes_on();

/// The trial is over, at what only a caller can answer, or because of `failure`. The observer ends
/// the process.
[[noreturn]] void end_trial(const std::string& what, const std::string& failure = {});

}  // namespace pml::zygote::ahead
