#include "ctl/completion.hpp"

namespace pml::ctl {

namespace {

/// The command line as far as it was typed.
class Line {
 public:
  void take(const std::string& word) {
    if (pending_ != nullptr) {
      if (pending_->name == "profile") profile_ = word;
      pending_ = nullptr;
    } else if (rest_) {
      ++count_;
    } else if (word == "--") {
      rest_ = true;
    } else if (word.size() > 1 && word.front() == '-') {
      take_option(word);
    } else if (verb_ == nullptr) {
      take_verb(word);
    } else {
      ++count_;
      rest_ = takes_a_program(*verb_);
    }
  }

  [[nodiscard]] Expected expected(const std::string& current) const {
    Expected next;
    next.profile = profile_;
    next.position = count_;
    if (pending_ != nullptr)
      next.candidates = pending_->candidates;
    else if (rest_)
      next.candidates = Candidates::files;
    else if (current.starts_with('-'))
      add_options(next);
    else if (verb_ != nullptr)
      next.candidates = verb_->candidates;
    else
      add_verbs(next);
    return next;
  }

 private:
  void take_option(const std::string& word) {
    const Option* option =
        word.starts_with("--") ? find_option(word.substr(2)) : find_option(word[1], verb_);
    const bool attached = !word.starts_with("--") && word.size() > 2;
    if (option == nullptr) rest_ = verb_ != nullptr && takes_a_program(*verb_);
    if (option != nullptr && !option->value.empty() && !attached) pending_ = option;
  }

  void take_verb(const std::string& word) {
    verb_ = find_verb(family_.empty() ? word : family_ + " " + word);
    if (verb_ == nullptr && begins_verbs(word)) family_ = word;
  }

  void add_options(Expected& next) const {
    for (const Option& option : all_options())
      if (verb_ == nullptr || takes(*verb_, option))
        next.words.emplace_back("--" + std::string(option.name), std::string(option.tells));
  }

  void add_verbs(Expected& next) const {
    for (const std::string_view name : verb_names(family_)) {
      const Verb* verb =
          find_verb(family_.empty() ? std::string(name) : family_ + " " + std::string(name));
      next.words.emplace_back(name, verb != nullptr ? verb->tells : "");
    }
  }

  std::string family_, profile_;
  const Verb* verb_ = nullptr;
  const Option* pending_ = nullptr;
  bool rest_ = false;
  std::size_t count_ = 0;
};

}  // namespace

Expected expected_after(const std::vector<std::string>& typed) {
  Line line;
  for (std::size_t i = 0; i + 1 < typed.size(); ++i) line.take(typed[i]);
  return line.expected(typed.empty() ? "" : typed.back());
}

}  // namespace pml::ctl
