#include <getopt.h>

#include <cstdlib>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/venv.hpp"
#include "ctl/files.hpp"
#include "ctl/vocabulary.hpp"

namespace pml::ctl {

namespace {

constexpr int k_first_long = 256;

/// getopt_long's form of the table.
struct Forms {
  std::string letters = "+:";  // the words are taken one by one; a missing value is told of
  std::vector<option> names;

  Forms() {
    int number = k_first_long;
    for (const Option& item : all_options()) {
      const int argument = item.value.empty() ? no_argument : required_argument;
      names.push_back({item.name.data(), argument, nullptr, number++});
      if (item.letter == '\0' || letters.find(item.letter) != std::string::npos) continue;
      letters += item.letter;
      if (argument == required_argument) letters += ':';
    }
    names.push_back({});
  }
};

std::string refer_to(const Verb* verb) {
  return verb != nullptr ? "; see pmlctl help " + std::string(verb->name) : "; see pmlctl --help";
}

std::vector<std::string_view> option_names(const Verb* verb) {
  std::vector<std::string_view> names;
  for (const Option& item : all_options())
    if (verb == nullptr || takes(*verb, item)) names.push_back(item.name);
  return names;
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : texts_(words) {
    words_.push_back(const_cast<char*>("pmlctl"));
    for (std::string& text : texts_) words_.push_back(text.data());
    count_ = static_cast<int>(words_.size());
    words_.push_back(nullptr);
  }

  Options run() {
    ::optind = 0;  // glibc's way to begin anew
    ::opterr = 0;
    while (options_.error.empty() && next()) {
    }
    if (options_.error.empty()) finish();
    return std::move(options_);
  }

 private:
  bool next() {
    const int at = ::optind == 0 ? 1 : ::optind;
    if (at < count_ && program_begins(words_[at])) return take_rest(at);
    if (at < count_ && std::string_view(words_[at]) == "--") return take_rest(at + 1);
    const int found =
        ::getopt_long(count_, words_.data(), forms_.letters.c_str(), forms_.names.data(), nullptr);
    if (found == -1) return ::optind < count_ && take_word();
    if (found == '?' || found == ':')
      wrong(found, at);
    else
      take_option(found);
    return true;
  }

  /// -m, -c and -e are not pmlctl's.
  [[nodiscard]] bool program_begins(std::string_view word) const {
    return options_.verb != nullptr && takes_a_program(*options_.verb) && word.size() > 1 &&
           word[0] == '-' && (word[1] == 'm' || word[1] == 'c' || word[1] == 'e');
  }

  bool take_rest(int at) {
    const bool adopts = options_.verb != nullptr && options_.verb->run == adopt;
    auto& rest = adopts ? options_.arguments : options_.words;
    for (; at < count_; ++at) rest.emplace_back(words_[at]);
    return false;
  }

  bool take_word() {
    const std::string word = words_[::optind++];
    if (options_.verb != nullptr) {
      options_.words.push_back(word);
      if (takes_a_program(*options_.verb)) return take_rest(::optind);
    } else {
      take_verb(family_.empty() ? word : family_ + " " + word, word);
    }
    return true;
  }

  void take_verb(const std::string& name, const std::string& word) {
    options_.verb = find_verb(name);
    options_.verb_typed = options_.verb != nullptr;
    if (options_.verb_typed) return;
    if (family_.empty() && begins_verbs(name))
      family_ = name;
    else
      options_.error = "there is no verb \"" + name + "\"" + meant_verb(word) + refer_to(nullptr);
  }

  /// Of a family all are shown where none is meant.
  [[nodiscard]] std::string meant_verb(const std::string& word) const {
    std::string hint = meant(word, verb_names(family_));
    if (family_.empty()) return hint;
    if (hint.empty()) return choices();
    return ", did you mean \"" + family_ + " " + hint.substr(hint.find('"') + 1);
  }

  void wrong(int how, int at) {
    std::string word = words_[at];
    word = word.substr(0, word.find('='));
    if (how == ':') {
      options_.error = word + " needs a value" + refer_to(options_.verb);
      return;
    }
    if (!word.starts_with("--")) word = std::string("-") + static_cast<char>(::optopt);
    const Option* known = word.starts_with("--") ? find_option(word.substr(2)) : nullptr;
    options_.error = known != nullptr ? word + " takes no value" : "there is no option " + word;
    if (known == nullptr && word.starts_with("--"))
      if (const std::string hint = meant(word.substr(2), option_names(options_.verb));
          !hint.empty())
        options_.error += ", did you mean \"--" + hint.substr(hint.find('"') + 1);
    options_.error += refer_to(options_.verb);
  }

  void take_option(int found) {
    const Option* item = found >= k_first_long
                             ? &all_options()[static_cast<std::size_t>(found - k_first_long)]
                             : find_option(static_cast<char>(found), options_.verb);
    used_.push_back({item, found < k_first_long ? static_cast<char>(found) : '\0',
                     ::optarg != nullptr ? ::optarg : ""});
  }

  /// Only now the verb is known for sure.
  void finish() {
    if (options_.verb == nullptr && !family_.empty() && !asks_for_help()) {
      options_.error = family_ + " needs one more word" + choices() + refer_to(nullptr);
      return;
    }
    if (options_.verb == nullptr && family_.empty()) options_.verb = find_verb("list");
    for (const Used& used : used_) apply(used);
    if (options_.help && options_.verb == nullptr) options_.words = {family_};
    if (options_.error.empty() && !options_.help && !options_.version) count_words();
  }

  [[nodiscard]] bool asks_for_help() const {
    for (const Used& used : used_)
      if (used.option->name == "help" || used.option->name == "version") return true;
    return false;
  }

  [[nodiscard]] std::string choices() const {
    std::string text;
    for (const std::string_view name : verb_names(family_))
      text += (text.empty() ? ": " : ", ") + std::string(name);
    return text;
  }

  struct Used {
    const Option* option;
    char letter;
    std::string value;
  };

  void apply(const Used& used) {
    if (!options_.error.empty()) return;
    const Option& item =
        used.letter != '\0' ? *find_option(used.letter, options_.verb) : *used.option;
    const std::string form = "--" + std::string(item.name);
    if (!item.value.empty() && used.value.empty())
      options_.error = form + " needs a value" + refer_to(options_.verb);
    else if (options_.verb != nullptr && !takes(*options_.verb, item))
      options_.error =
          std::string(options_.verb->name) + " takes no " + form + refer_to(options_.verb);
    else if (const std::string problem = item.set(options_, used.value); !problem.empty())
      options_.error = form + " " + problem + refer_to(options_.verb);
  }

  void count_words() {
    const Verb& verb = *options_.verb;
    const std::string name(verb.name);
    const std::size_t named = options_.profiles.size() + (options_.venv.empty() ? 0 : 1) +
                              (options_.socket.empty() ? 0 : 1);
    const bool several = verb.candidates == Candidates::program && options_.socket.empty();
    if (options_.words.size() < verb.least)
      options_.error = name + " needs " + std::string(verb.words);
    else if (options_.words.size() > verb.most)
      options_.error = name + (verb.most == 0 ? " takes no words" : " takes no more than ") +
                       (verb.most == 0 ? "" : std::string(verb.words));
    else if (verb.candidates == Candidates::program && options_.words.size() == 1 &&
             program_begins(options_.words.front()) && options_.words.front().size() == 2)
      options_.error = options_.words.front() + " needs a value";
    else if (named > 1 && !several)
      options_.error = "name one of --profile, --venv and --socket, once";
    else if (named > 0 && !options_.words.empty() && verb.candidates == Candidates::profiles)
      options_.error = "name the profile once, by a word or by an option";
    if (!options_.error.empty()) options_.error += refer_to(&verb);
  }

  Forms forms_;
  std::vector<std::string> texts_;
  std::vector<char*> words_;
  int count_ = 0;
  std::string family_;
  std::vector<Used> used_;
  Options options_;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The environment that is active, without links; empty where none is.
std::string active_venv() {
  std::error_code error;
  const auto path = std::filesystem::canonical(variable("VIRTUAL_ENV"), error);
  return !error && std::filesystem::exists(path / "pyvenv.cfg", error) ? path.string() : "";
}

}  // namespace

Options parse_options(const std::vector<std::string>& words) {
  return Parser(words).run();
}

bool names_a_pool(const Options& options) {
  return !options.socket.empty() || !options.venv.empty() || !options.profiles.empty();
}

std::string venv_of_options(const Options& options) {
  if (!options.socket.empty()) return {};
  if (!options.venv.empty()) return require_venv(options.venv);
  return options.profiles.empty() && variable("PML_PROFILE").empty() ? active_venv() : "";
}

std::string profile_of_options(const Options& options) {
  if (!options.socket.empty()) return options.socket;
  if (const std::string venv = venv_of_options(options); !venv.empty())
    return base::venv_profile(venv);
  if (!options.profiles.empty()) return options.profiles.back();
  const std::string named = variable("PML_PROFILE");
  return named.empty() ? "default" : named;
}

std::string profile_of(const Options& options) {
  if (!names_a_pool(options) && options.verb != nullptr &&
      options.verb->candidates == Candidates::profiles && options.words.size() == 1)
    return options.words.front();
  return profile_of_options(options);
}

}  // namespace pml::ctl
