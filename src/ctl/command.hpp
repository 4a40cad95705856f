#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace pml::ctl {

/// Exit statuses, where systemctl has the same.
inline constexpr int k_exit_failure = 1;
inline constexpr int k_exit_not_running = 3;
inline constexpr int k_exit_no_such_profile = 4;

struct Verb;

/// What was typed.
struct Options {
  const Verb* verb = nullptr;  ///< `list` where none was typed; nothing: half of one, with --help
  bool verb_typed = false;
  std::vector<std::string> words = {};      ///< after the verb
  std::vector<std::string> arguments = {};  ///< of `adopt`: after "--"
  std::string error = {};                   ///< what is wrong with it, and what to type next
  bool help = false;
  bool version = false;

  std::vector<std::string> profiles = {};  ///< of each -p
  std::string socket = {};                 ///< of --socket; holds a slash
  std::string venv = {};                   ///< of --venv
  bool json = false;
  bool pager = true;
  bool write = false;
  bool wait = true;
  bool all = false;
  bool yes = false;
  bool fix = false;
  bool follow = false;
  bool ignore_failure = false;
  std::string interpreter = {};
  std::vector<std::string> preload = {};  ///< of each --preload
  unsigned runs = 0;                      ///< 0: not given
  unsigned warmup = 0;                    ///< 0: not given
  unsigned lines = 0;                     ///< 0: not given
  std::string export_json = {};
  std::string export_markdown = {};
};

/// Reads the command line without its first word. Options may stand in front of the verb and after
/// it; after "--", and after the first word of a verb's PROGRAM, all words are the program's.
[[nodiscard]] Options parse_options(const std::vector<std::string>& words);

/// The profile that is meant: the path of --socket, else the one of --venv, else -p, else the only
/// word of a verb that takes profiles, else $PML_PROFILE, else that of the active virtual
/// environment, else "default". Throws Failure where --venv names none.
[[nodiscard]] std::string profile_of(const Options& options);

/// The same, without the words.
[[nodiscard]] std::string profile_of_options(const Options& options);

/// The virtual environment whose profile that is, without links; empty: it is named otherwise.
[[nodiscard]] std::string venv_of_options(const Options& options);

/// Whether options name a profile, a socket or an environment.
[[nodiscard]] bool names_a_pool(const Options& options);

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
int start(const Options& options);
int stop(const Options& options);
int restart(const Options& options);
int enable(const Options& options);
int disable(const Options& options);
int reload(const Options& options);
int logs(const Options& options);
int edit(const Options& options);
int show(const Options& options);
int check(const Options& options);
int doctor(const Options& options);
int top(const Options& options);
int suggest(const Options& options);
int adopt(const Options& options);
int unadopt(const Options& options);
int programs(const Options& options);
int forget(const Options& options);
int verify(const Options& options);
int bench(const Options& options);
int profile_list(const Options& options);
int profile_new(const Options& options);
int profile_remove(const Options& options);
int python_add(const Options& options);
int python_list(const Options& options);
int help(const Options& options);
// Not told of in the help: for the shells, for the service, and for who takes pml away.
int complete(const Options& options);
int learn(const Options& options);
int leave(const Options& options);

/// Takes back all that `adopt` and, before it, `wrap` have made.
void unadopt_everything();

}  // namespace pml::ctl
