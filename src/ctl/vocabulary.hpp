#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/command.hpp"

namespace pml::ctl {

/// What may stand in a place, for the completions of shells.
enum class Candidates {
  nothing,
  profiles,
  own_profiles,  ///< those in the user's own folder
  jobs,          ///< a job, then a signal
  files,
  folders,
  profiles_or_files,
  commands,   ///< what PATH holds
  adoptable,  ///< commands, files and folders
  adopted,    ///< what `adopt` and `wrap` made
  programs,   ///< those that a pool knows
  program,    ///< as for python3: a file, -m MODULE …
  verbs,
};

/// One option of the command line. `set` returns what is wrong with the value, or nothing.
struct Option {
  char letter;             ///< '\0': it has none
  std::string_view name;   ///< without "--"
  std::string_view value;  ///< as the help writes it; empty: it takes none
  std::string_view tells;  ///< one line
  Candidates candidates;
  std::string (*set)(Options& options, const std::string& value);
};

/// One verb: everything that parser, help and completions know of it.
struct Verb {
  std::string_view name;  ///< of one word or of two: "profile new"
  int (*run)(const Options& options);
  std::string_view words;    ///< as the help writes them
  std::string_view tells;    ///< one line
  std::size_t least, most;   ///< words
  std::string_view options;  ///< their names, with blanks between; all take --help
  Candidates candidates = Candidates::nothing;
  std::string_view example = {};  ///< without "pmlctl "
};

/// Verbs that belong together, and what for.
struct Chapter {
  std::string_view tells;
  std::span<const Verb> verbs;
};

[[nodiscard]] std::span<const Chapter> chapters();
[[nodiscard]] std::span<const Option> all_options();

/// Nothing where there is none. Two words are taken with a blank between.
[[nodiscard]] const Verb* find_verb(std::string_view name);
[[nodiscard]] const Option* find_option(std::string_view name);
/// A letter may stand for several; the one that `verb` takes, where it is known.
[[nodiscard]] const Option* find_option(char letter, const Verb* verb);
/// Whether `name` is the first word of verbs of two words.
[[nodiscard]] bool begins_verbs(std::string_view name);
[[nodiscard]] bool takes(const Verb& verb, const Option& option);
[[nodiscard]] bool takes_a_program(const Verb& verb);
/// The names of all verbs that are told of; of those that begin with `family` only the second
/// words, where it is not empty.
[[nodiscard]] std::vector<std::string_view> verb_names(std::string_view family = {});

/// `, did you mean "…"?`, or nothing.
[[nodiscard]] std::string meant(std::string_view word,
                                const std::vector<std::string_view>& candidates);

/// The help on one screen, and that of one verb.
[[nodiscard]] std::string help_text();
[[nodiscard]] std::string help_text(const Verb& verb);
/// The verbs that begin with `family`, each with its line.
[[nodiscard]] std::string family_text(std::string_view family);

}  // namespace pml::ctl
