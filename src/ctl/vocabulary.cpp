#include "ctl/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "profile/near_miss.hpp"

namespace pml::ctl {

namespace {

constexpr unsigned k_most_runs = 10000;
constexpr std::size_t k_any = 100000;

std::string set_number(const std::string& value, unsigned& number) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error == std::errc() && stop == end && number > 0 && number <= k_most_runs) return {};
  return "needs a number from 1 to " + std::to_string(k_most_runs);
}

template <auto Member>
std::string switch_on(Options& options, const std::string&) {
  options.*Member = true;
  return {};
}

template <auto Member>
std::string switch_off(Options& options, const std::string&) {
  options.*Member = false;
  return {};
}

template <auto Member>
std::string take_text(Options& options, const std::string& value) {
  options.*Member = value;
  return {};
}

template <auto Member>
std::string add_text(Options& options, const std::string& value) {
  (options.*Member).push_back(value);
  return {};
}

template <auto Member>
std::string take_number(Options& options, const std::string& value) {
  return set_number(value, options.*Member);
}

/// As for pml, a path; what takes names and paths tells them apart by the slash.
std::string take_socket(Options& options, const std::string& value) {
  options.socket = value.find('/') != std::string::npos ? value : "./" + value;
  return {};
}

constexpr std::array k_options = {
    Option{'p', "profile", "NAME", "the profile where no word names one ($PML_PROFILE)",
           Candidates::profiles, add_text<&Options::profiles>},
    Option{'\0', "venv", "FOLDER", "the pool of a virtual environment", Candidates::folders,
           take_text<&Options::venv>},
    Option{'\0', "socket", "PATH", "the socket of a service", Candidates::files, take_socket},
    Option{'\0', "json", "", "JSON instead of tables: an array on one line", Candidates::nothing,
           switch_on<&Options::json>},
    Option{'\0', "no-pager", "", "never through a pager", Candidates::nothing,
           switch_off<&Options::pager>},
    Option{'\0', "no-wait", "", "return before the new pool is warm", Candidates::nothing,
           switch_off<&Options::wait>},
    Option{'\0', "write", "", "put it into the profile", Candidates::nothing,
           switch_on<&Options::write>},
    Option{'\0', "fix", "", "run those remedies that are safe", Candidates::nothing,
           switch_on<&Options::fix>},
    Option{'a', "all", "", "python3 itself, or each of them", Candidates::nothing,
           switch_on<&Options::all>},
    Option{'y', "yes", "", "do not ask", Candidates::nothing, switch_on<&Options::yes>},
    Option{'f', "follow", "", "go on with what is written from now on", Candidates::nothing,
           switch_on<&Options::follow>},
    Option{'n', "lines", "LINES", "how many lines", Candidates::nothing,
           take_number<&Options::lines>},
    Option{'n', "runs", "RUNS", "how often each is run (20)", Candidates::nothing,
           take_number<&Options::runs>},
    Option{'w', "warmup", "RUNS", "how often each is run before, uncounted (1)",
           Candidates::nothing, take_number<&Options::warmup>},
    Option{'i', "ignore-failure", "", "measure a program that fails, too", Candidates::nothing,
           switch_on<&Options::ignore_failure>},
    Option{'\0', "export-json", "FILE", "write each run's time to FILE", Candidates::files,
           take_text<&Options::export_json>},
    Option{'\0', "export-markdown", "FILE", "write the table to FILE", Candidates::files,
           take_text<&Options::export_markdown>},
    Option{'\0', "preload", "MODULE", "a module to import beforehand; may be repeated",
           Candidates::nothing, add_text<&Options::preload>},
    Option{'\0', "interpreter", "PATH", "the profile's Python", Candidates::files,
           take_text<&Options::interpreter>},
    Option{'h', "help", "", "print a summary", Candidates::nothing, switch_on<&Options::help>},
    Option{'\0', "version", "", "print the version", Candidates::nothing,
           switch_on<&Options::version>},
};

constexpr std::string_view k_pool = "profile venv socket";
constexpr std::string_view k_looks = "profile venv socket json no-pager";

constexpr std::array k_looking = {
    Verb{"list", list, "", "profiles, their sockets and services", 0, 0, "json no-pager"},
    Verb{"status", status, "[PROFILE]...", "one service, or all that run", 0, k_any, k_looks,
         Candidates::profiles},
    Verb{"jobs", jobs, "[PROFILE]", "what runs", 0, 1, k_looks, Candidates::profiles},
    Verb{"top", top, "[PROFILE]", "a live view, until q", 0, 1, k_pool, Candidates::profiles},
    Verb{"logs", logs, "[PROFILE]", "what a service and its programs have written", 0, 1,
         "profile venv no-pager follow lines", Candidates::profiles, "logs -f qt"},
};

constexpr std::array k_steering = {
    Verb{"start", start, "[PROFILE]...", "a pool, until logout", 0, k_any, "profile venv no-wait",
         Candidates::profiles},
    Verb{"stop", stop, "[PROFILE]...", "a pool, its programs and its socket", 0, k_any,
         "profile venv yes", Candidates::profiles},
    Verb{"restart", restart, "[PROFILE]...", "a service; ends its programs", 0, k_any,
         "profile venv no-wait yes", Candidates::profiles},
    Verb{"reload", reload, "[PROFILE]...", "a new pool with the profile as it is now", 0, k_any,
         "profile venv socket no-wait", Candidates::profiles},
    Verb{"enable", enable, "[PROFILE]...", "a pool now and at each login", 0, k_any,
         "profile venv no-wait", Candidates::profiles, "enable qt"},
    Verb{"disable", disable, "[PROFILE]...", "not at the next login", 0, k_any, "profile venv",
         Candidates::profiles},
    Verb{"kill", kill, "JOB [SIGNAL]", "a signal (TERM) to a job's process group", 1, 2, k_pool,
         Candidates::jobs, "kill 4711-2 INT"},
};

constexpr std::array k_programs = {
    Verb{"adopt", adopt, "PROGRAM|FOLDER... [-- ARGUMENT...] | --all",
         "a command, script or environment starts warm", 0, k_any, "all yes", Candidates::adoptable,
         "adopt black"},
    Verb{"unadopt", unadopt, "PROGRAM... | --all", "takes that back", 0, k_any, "all",
         Candidates::adopted, "unadopt black"},
    Verb{"programs", programs, "[PROFILE]...", "what runs ahead, what it saves, where it stops", 0,
         k_any, k_looks, Candidates::profiles},
    Verb{"forget", forget, "PROGRAM | --all", "what was learned of a program", 0, 1,
         "profile venv socket all", Candidates::programs},
    Verb{"suggest", suggest, "[--write] [PROGRAM]", "imports to preload, of PROGRAM or as seen", 0,
         k_any, "profile venv json write no-pager", Candidates::program,
         "suggest -p mine --write -- report.py --all"},
    Verb{"bench", bench, "PROGRAM", "python3 and pml side by side", 1, k_any,
         "profile venv json runs warmup ignore-failure export-json export-markdown",
         Candidates::program, "bench -p default -p sci -- report.py"},
};

constexpr std::array k_profiles = {
    Verb{"show", show, "[PROFILE]", "the merged profile, each value with its file", 0, 1,
         "profile venv json no-pager", Candidates::profiles},
    Verb{"check", check, "[FILE|PROFILE]...", "what is wrong with profiles", 0, k_any,
         "profile venv json", Candidates::profiles_or_files},
    Verb{"edit", edit, "[PROFILE]", "a drop-in of the profile in $EDITOR, checked, then reloaded",
         0, 1, "profile venv no-wait", Candidates::profiles},
    Verb{"profile list", profile_list, "", "the profiles of your own, and what made them", 0, 0,
         "json no-pager"},
    Verb{"profile new", profile_new, "NAME | --venv FOLDER", "writes a profile, enables its pool",
         0, 1, "venv preload interpreter no-wait", Candidates::nothing,
         "profile new --venv .venv --preload django"},
    Verb{"profile remove", profile_remove, "NAME... | --venv FOLDER",
         "removes it with its drop-ins, stops its pool", 0, k_any, "venv yes",
         Candidates::own_profiles},
};

constexpr std::array k_care = {
    Verb{"doctor", doctor, "[PROFILE]", "what keeps programs from starting warm", 0, 1,
         "profile venv socket json no-pager fix", Candidates::profiles},
    Verb{"verify", verify, "[PROFILE [MODULE]...]", "whether preloads are what python3 imports", 0,
         k_any, "profile venv json no-pager follow", Candidates::profiles},
    Verb{"python list", python_list, "", "for which Pythons pml has its module", 0, 0,
         "json no-pager"},
    Verb{"python add", python_add, "INTERPRETER", "makes the module for one more", 1, 1, "",
         Candidates::files, "python add ~/.pyenv/versions/3.12.1/bin/python3"},
    Verb{"help", help, "[VERB]", "the words and options of a verb", 0, 2, "", Candidates::verbs},
};

constexpr std::array k_hidden = {
    Verb{"complete", complete, "WHAT [WORD]...", "what the completions of shells ask", 1, k_any,
         "profile"},
    Verb{"wrap", adopt, "COMMAND...", "the old name of adopt", 0, k_any, "all yes",
         Candidates::commands},
    Verb{"unwrap", unadopt, "COMMAND...", "the old name of unadopt", 0, k_any, "all",
         Candidates::adopted},
    Verb{"learn", learn, "FOLDER", "a pool for an environment that is used often", 1, 1, ""},
    Verb{"leave", leave, "", "takes back all that pmlctl has made, and lists what stays", 0, 0, ""},
};

constexpr std::array k_chapters = {
    Chapter{"Look", k_looking},      Chapter{"Pools", k_steering}, Chapter{"Programs", k_programs},
    Chapter{"Profiles", k_profiles}, Chapter{"Care", k_care},      Chapter{"", k_hidden},
};

bool holds_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// Both words, or the first.
bool begins_with_word(std::string_view name, std::string_view family) {
  return name.size() > family.size() && name.starts_with(family) && name[family.size()] == ' ';
}

}  // namespace

std::span<const Chapter> chapters() {
  return k_chapters;
}

std::span<const Option> all_options() {
  return k_options;
}

const Verb* find_verb(std::string_view name) {
  for (const Chapter& chapter : k_chapters)
    for (const Verb& verb : chapter.verbs)
      if (verb.name == name) return &verb;
  return nullptr;
}

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(k_options.begin(), k_options.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found != k_options.end() ? found : nullptr;
}

const Option* find_option(char letter, const Verb* verb) {
  const Option* first = nullptr;
  for (const Option& option : k_options) {
    if (option.letter != letter || letter == '\0') continue;
    if (verb == nullptr || takes(*verb, option)) return &option;
    if (first == nullptr) first = &option;
  }
  return first;
}

bool begins_verbs(std::string_view name) {
  return !name.empty() && !verb_names(name).empty();
}

bool takes(const Verb& verb, const Option& option) {
  return option.name == "help" || option.name == "version" || holds_word(verb.options, option.name);
}

bool takes_a_program(const Verb& verb) {
  return verb.candidates == Candidates::program;
}

std::vector<std::string_view> verb_names(std::string_view family) {
  std::vector<std::string_view> names;
  for (const Chapter& chapter : k_chapters) {
    if (chapter.tells.empty()) continue;
    for (const Verb& verb : chapter.verbs) {
      if (family.empty()) {
        const std::string_view first = verb.name.substr(0, verb.name.find(' '));
        if (names.empty() || names.back() != first) names.push_back(first);
      } else if (begins_with_word(verb.name, family)) {
        names.push_back(verb.name.substr(family.size() + 1));
      }
    }
  }
  return names;
}

std::string meant(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view found = profile::near_miss(word, candidates);
  return found.empty() ? "" : ", did you mean \"" + std::string(found) + "\"?";
}

}  // namespace pml::ctl
