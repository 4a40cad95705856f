#include <charconv>
#include <cstdlib>

#include "ctl/command.hpp"

namespace pml::ctl {

namespace {

constexpr unsigned k_most_runs = 10000;

bool takes_a_program(const std::string& verb) {
  return verb == "suggest" || verb == "bench";
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  Options run() {
    while (at_ < words_.size() && options_.error.empty()) take(words_[at_++]);
    return std::move(options_);
  }

 private:
  void take(const std::string& word) {
    if (word == "--") {
      options_.words.insert(options_.words.end(), words_.begin() + at(), words_.end());
      at_ = words_.size();
    } else if (word.size() > 1 && word.front() == '-') {
      option(word);
    } else if (options_.verb.empty()) {
      options_.verb = word;
    } else {
      options_.words.push_back(word);
      if (takes_a_program(options_.verb)) take("--");
    }
  }

  void option(const std::string& word) {
    if (word == "--json")
      options_.json = true;
    else if (word == "--no-pager")
      options_.pager = false;
    else if (word == "--write")
      options_.write = true;
    else if (word == "-h" || word == "--help")
      options_.help = true;
    else if (word == "--version")
      options_.version = true;
    else if (takes_a_program(options_.verb) && (word == "-m" || word == "-c" || word == "-e")) {
      --at_;
      take("--");
    } else
      option_with_value(word);
  }

  void option_with_value(const std::string& word) {
    if (value(word, "-p", "--profile", options_.profile)) return;
    if (value(word, "", "--socket", options_.socket)) return;
    if (value(word, "", "--venv", options_.venv)) return;
    std::string module;
    if (value(word, "", "--preload", module)) {
      options_.preload.push_back(module);
      return;
    }
    std::string runs;
    if (!value(word, "-n", "--runs", runs)) {
      options_.error = "unknown option " + word;
      return;
    }
    const auto [end, error] =
        std::from_chars(runs.data(), runs.data() + runs.size(), options_.runs);
    if (error != std::errc() || end != runs.data() + runs.size() || options_.runs == 0 ||
        options_.runs > k_most_runs)
      options_.error = "-n needs a number from 1 to " + std::to_string(k_most_runs);
  }

  bool value(const std::string& word, const std::string& brief, const std::string& full,
             std::string& into) {
    if (word.starts_with(full + "=")) {
      into = word.substr(full.size() + 1);
    } else if (word == full || (!brief.empty() && word == brief)) {
      if (at_ >= words_.size())
        options_.error = word + " needs a value";
      else
        into = words_[at_++];
    } else if (!brief.empty() && word.starts_with(brief) && !word.starts_with("--")) {
      into = word.substr(brief.size());
    } else {
      return false;
    }
    if (into.empty() && options_.error.empty()) options_.error = word + " needs a value";
    return true;
  }

  [[nodiscard]] std::ptrdiff_t at() const { return static_cast<std::ptrdiff_t>(at_); }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Options options_;
};

}  // namespace

Options parse_options(const std::vector<std::string>& words) {
  return Parser(words).run();
}

std::string profile_of(const Options& options) {
  if (!options.socket.empty()) return options.socket;
  if (!options.profile.empty()) return options.profile;
  if (!takes_a_program(options.verb) && options.words.size() == 1) return options.words.front();
  const char* variable = std::getenv("PML_PROFILE");
  return variable != nullptr && *variable != '\0' ? variable : "default";
}

}  // namespace pml::ctl
