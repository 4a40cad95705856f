#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace pml::ctl {

/// Exit statuses, where systemctl has the same.
inline constexpr int k_exit_failure = 1;
inline constexpr int k_exit_not_running = 3;
inline constexpr int k_exit_no_such_profile = 4;

/// What was typed.
struct Options {
  std::string verb;
  std::string profile;  ///< of -p; empty: not given
  std::string socket;   ///< of --socket; empty: the profile's own
  bool json = false;
  bool pager = true;
  bool write = false;
  std::string venv;                  ///< of --venv
  std::vector<std::string> preload;  ///< of each --preload
  unsigned runs = 0;                 ///< of -n; 0: not given
  bool help = false;
  bool version = false;
  std::vector<std::string> words;  ///< after the verb
  std::string error;               ///< what is wrong with it
};

/// Reads the command line without its first word. Options may stand in front of the verb and after
/// it; after "--", and after the first word of `suggest` and `bench`, all words are the program's.
[[nodiscard]] Options parse_options(const std::vector<std::string>& words);

/// The profile that is meant: the path of --socket, else -p, else the only word, else $PML_PROFILE,
/// else "default".
[[nodiscard]] std::string profile_of(const Options& options);

/// Ends the command with `status` and one line that also says what to do next.
class Failure : public std::runtime_error {
 public:
  Failure(int status, const std::string& sentence)
      : std::runtime_error(sentence), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

// The verbs, each in a file of its name. They return the exit status and throw Failure.
int list(const Options& options);
int status(const Options& options);
int jobs(const Options& options);
int kill(const Options& options);
int reload(const Options& options);
int show(const Options& options);
int check(const Options& options);
int doctor(const Options& options);
int top(const Options& options);
int suggest(const Options& options);
int wrap(const Options& options);
int unwrap(const Options& options);
int bench(const Options& options);
/// For the shells: not told of in the help.
int complete(const Options& options);
int new_profile(const Options& options);
int python(const Options& options);

}  // namespace pml::ctl
