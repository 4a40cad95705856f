#include "client/arguments.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/paths.hpp"
#include "wire/cold_only.hpp"
#include "wire/entry_point_code.hpp"

namespace pml::client {

namespace {

// CPython 3.11's own table; a colon marks options that take an argument.
constexpr std::string_view k_short_options = "bBc:dEhiIJm:OPqRsStuvVW:xX:?";
constexpr std::array<std::string_view, 9> k_own_options = {
    "--profile", "--entry-point", "--socket", "--no-fallback", "--venv",
    "--wait",    "--detach",      "--help",   "--version"};
constexpr std::array<std::string_view, 4> k_flags = {"--no-fallback", "--venv", "--wait",
                                                     "--detach"};
constexpr std::array<std::string_view, 6> k_python_options = {
    "--help",     "--version",  "--check-hash-based-pycs",
    "--help-all", "--help-env", "--help-xoptions"};

/// Whether one letter was changed, added, left out or swapped with its neighbour.
bool one_letter_apart(std::string_view typed, std::string_view meant) {
  if (typed.size() > meant.size()) std::swap(typed, meant);
  if (meant.size() - typed.size() > 1) return false;
  std::size_t at = 0;
  while (at < typed.size() && typed[at] == meant[at]) ++at;
  const std::string_view rest = typed.substr(at), other = meant.substr(at);
  if (typed.size() < meant.size()) return rest == other.substr(1);
  if (rest.empty() || rest.substr(1) == other.substr(1)) return !rest.empty();
  return rest.size() > 1 && rest[0] == other[1] && rest[1] == other[0] &&
         rest.substr(2) == other.substr(2);
}

/// pml's own option that was meant by a word that python3 would not understand either; or nothing.
std::string_view nearly_own(std::string_view word) {
  word = word.substr(0, word.find('='));
  if (std::find(k_python_options.begin(), k_python_options.end(), word) != k_python_options.end())
    return {};
  for (const std::string_view own : k_own_options)
    if (one_letter_apart(word, own)) return own;
  return {};
}

class Parser {
 public:
  Parser(std::span<const char* const> words, bool as_python)
      : words_(words), as_python_(as_python) {}

  Arguments parse(const char* default_profile) {
    if (default_profile != nullptr && *default_profile != '\0') {
      out_.profile = default_profile;
      out_.profile_named = true;
    }
    while (!done_ && next_ < words_.size()) option();
    if (out_.action == Action::help || out_.action == Action::version) return std::move(out_);
    if (!base::valid_profile_name(out_.profile)) wrong_profile();
    if (out_.venv && (named_ || !out_.socket.empty()))
      wrong("--venv chooses the pool; leave --profile and --socket away");
    if (!target_known_) positional_target();
    remember_rest();
    return std::move(out_);
  }

 private:
  void option() {
    const std::string_view word = words_[next_];
    if (word.size() < 2 || word[0] != '-') {
      done_ = true;
    } else if (word == "--") {
      keep_word(1);
      out_.interpreter_options.push_back(word);
      done_ = true;
    } else if (!as_python_ && own_option(word)) {
      // Nothing of it is for python3.
    } else if (word[1] == '-') {
      long_option(word);
    } else {
      short_options(word);
    }
  }

  bool own_option(std::string_view word) {
    if (word == "--help") return finish(Action::help);
    if (word == "--version") return finish(Action::version);
    if (takes_no_value(word)) return true;
    if (word == "--no-fallback") return flag(out_.fallback, false);
    if (word == "--wait") return flag(out_.wait, true);
    if (word == "--detach") return flag(out_.detach, true);
    if (word == "--venv") return flag(out_.venv, true);
    if (valued(word, "--socket", out_.socket)) return true;
    if (valued(word, "--profile", out_.profile)) return profile_named(true);
    if (word[1] == 'p') return profile_named(short_value(word, out_.profile));
    if (valued(word, "--entry-point", out_.target)) return entry_point();
    if (word[1] == 'e') {
      short_value(word, out_.target);
      return entry_point();
    }
    return false;
  }

  // pml's own words alone, with a value that they do not have: python3 has none of these.
  bool takes_no_value(std::string_view word) {
    const std::string_view name = word.substr(0, word.find('='));
    if (name == word || std::find(k_flags.begin(), k_flags.end(), name) == k_flags.end())
      return false;
    wrong("the option " + std::string(name) + " takes no value" +
          (name == "--venv" ? "; VIRTUAL_ENV names another environment" : ""));
    ++next_;
    return true;
  }

  bool profile_named(bool taken) {
    named_ = out_.profile_named = true;
    return taken;
  }

  // What the environment says wrongly is no reason not to run the program: pml-cold says it.
  void wrong_profile() {
    if (named_)
      wrong("\"" + std::string(out_.profile) + "\" cannot be the name of a profile");
    else
      python_only("PML_PROFILE");
  }

  bool flag(bool& variable, bool value) {
    variable = value;
    ++next_;
    return true;
  }

  bool finish(Action action) {
    out_.action = action;
    return done_ = true;
  }

  // --name VALUE or --name=VALUE.
  bool valued(std::string_view word, std::string_view name, std::string_view& value) {
    if (!word.starts_with(name)) return false;
    if (word.size() > name.size() && word[name.size()] != '=') return false;
    ++next_;
    if (word.size() > name.size()) {
      value = word.substr(name.size() + 1);
    } else {
      value = following(name);
    }
    if (value.empty() && name == "--socket") wrong("the option --socket needs a value");
    return true;
  }

  // -pVALUE or -p VALUE.
  bool short_value(std::string_view word, std::string_view& value) {
    ++next_;
    value = word.size() > 2 ? word.substr(2) : following(word);
    return true;
  }

  std::string_view following(std::string_view option) {
    if (next_ < words_.size()) return words_[next_++];
    wrong("the option " + std::string(option) + " needs a value");
    return "";
  }

  bool entry_point() {
    if (out_.target.empty()) wrong("the name of the entry point is empty");
    out_.kind = wire::ProgramKind::entry_point;
    out_.python_words.push_back("-c");
    out_.python_words.push_back(wire::k_entry_point_code);
    out_.python_words.push_back(out_.target.data());
    return done_ = target_known_ = true;
  }

  // One word of python's own short options, as CPython's getopt goes through it.
  void short_options(std::string_view word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      const std::size_t entry = k_short_options.find(letter);
      if (entry == std::string_view::npos || letter == ':' || letter == 'J') return hopeless(word);
      if (letter == 'c' || letter == 'm') return program_option(word, i);
      if (letter == 'W' || letter == 'X') return value_option(word, i);
      if (!wire::is_warm_option(letter)) python_only(word);
    }
    out_.interpreter_options.push_back(word);
    keep_word(1);
  }

  // -W or -X at `place` of the word, its argument in the word or after it.
  void value_option(std::string_view word, std::size_t place) {
    const bool attached = place + 1 < word.size();
    if (!attached && next_ + 1 >= words_.size()) return hopeless(word);
    const std::string_view value = attached ? word.substr(place + 1) : words_[next_ + 1];
    if (word[place] == 'X' && !wire::is_warm_setting(value)) python_only(word);
    out_.interpreter_options.push_back(word);
    if (!attached) out_.interpreter_options.push_back(value);
    keep_word(attached ? 1 : 2);
  }

  // -c or -m at `place` of the word: what follows is the program, then its arguments.
  void program_option(std::string_view word, std::size_t place) {
    const bool attached = place + 1 < word.size();
    if (!attached && next_ + 1 >= words_.size()) return hopeless(word);
    out_.kind = word[place] == 'c' ? wire::ProgramKind::command : wire::ProgramKind::module;
    out_.target = attached ? word.substr(place + 1) : words_[next_ + 1];
    if (attached) out_.target_form |= wire::k_flag_target_attached;
    if (place > 1) {
      out_.target_form |= wire::k_flag_target_clustered;
      out_.interpreter_options.push_back(word.substr(0, place));
    }
    keep_word(attached ? 1 : 2);
    done_ = target_known_ = true;
  }

  void positional_target() {
    if (next_ >= words_.size()) return;
    out_.target = words_[next_];
    if (out_.target != "-") out_.kind = wire::ProgramKind::script;
    keep_word(1);
  }

  // Python's long options; it knows these, and says itself what it thinks of any other.
  void long_option(std::string_view word) {
    if (const std::string_view own = nearly_own(word); !as_python_ && !own.empty())
      wrong("there is no option " + std::string(word) + ", did you mean " + std::string(own) + "?");
    else
      python_only(word);
    const bool value_follows = word == "--check-hash-based-pycs" && next_ + 1 < words_.size();
    keep_word(value_follows ? 2 : 1);
  }

  void python_only(std::string_view word) {
    if (out_.action != Action::run) return;
    out_.action = Action::python;
    out_.reason = word;
  }

  // python3 will not get past this word, so what follows is not looked at.
  void hopeless(std::string_view word) {
    python_only(word);
    done_ = target_known_ = true;
  }

  void keep_word(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out_.python_words.push_back(words_[next_++]);
  }

  void remember_rest() {
    for (; next_ < words_.size(); ++next_) {
      out_.rest.emplace_back(words_[next_]);
      out_.python_words.push_back(words_[next_]);
    }
  }

  void wrong(std::string reason) {
    if (out_.action == Action::wrong_usage) return;
    out_.action = Action::wrong_usage;
    out_.reason = std::move(reason);
  }

  std::span<const char* const> words_;
  bool as_python_;
  std::size_t next_ = 0;
  bool done_ = false;
  bool target_known_ = false;
  bool named_ = false;
  Arguments out_;
};

}  // namespace

std::string_view help_text() noexcept {
  return R"(Usage: pml [OPTION]... SCRIPT|- [ARG]...
       pml [OPTION]... -m MODULE | -c CODE | -e ENTRY-POINT [ARG]...
Runs a Python program from a pool of warm interpreters, just as python3 would.

  -p, --profile NAME      the pool to use ($PML_PROFILE, else "default")
  -e, --entry-point [DIST[==VERSION]:[GROUP:]]NAME
                          run an installed entry point (group: console_scripts)
      --venv              the pool of $VIRTUAL_ENV or the nearest .venv
      --wait              wait for a pool that is still warming up
      --detach            start the program and return at once
      --no-fallback       fail (69) where python3 would have to be executed
      --socket PATH       the service's socket, instead of the profile's
      --help, --version   of pml; -h and -V are python3's

All options of python3 are understood; those that no warm interpreter can honour
make pml execute python3. Environment: PML=0 runs python3 straight away,
PML_TRACE=1 tells on standard error what happened and when. See also pmlctl.
)";
}

bool called_as_python(std::string_view argv0) noexcept {
  const std::size_t slash = argv0.rfind('/');
  if (slash != std::string_view::npos) argv0.remove_prefix(slash + 1);
  return argv0.starts_with("python");
}

Arguments parse_arguments(std::span<const char* const> words, const char* default_profile,
                          bool as_python) {
  return Parser(words, as_python).parse(default_profile);
}

}  // namespace pml::client
