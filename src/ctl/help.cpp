#include <algorithm>
#include <cstdio>

#include "base/exit_status.hpp"
#include "ctl/table.hpp"
#include "ctl/vocabulary.hpp"

namespace pml::ctl {

namespace {

constexpr std::size_t k_width = 80;
constexpr std::size_t k_chapter_width = 10;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string form_of(const Option& option) {
  std::string text = option.letter != '\0' ? std::string("-") + option.letter + ", " : "    ";
  text += "--" + std::string(option.name);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

std::string line_of(const Option& option) {
  return "  " + padded(form_of(option), 26) + "  " + std::string(option.tells) + "\n";
}

/// "start stop …", in lines of the screen's width, under its heading.
std::string chapter_text(const Chapter& chapter) {
  std::string text, line = "  " + padded(std::string(chapter.tells), k_chapter_width);
  const std::size_t indent = line.size();
  for (const Verb& verb : chapter.verbs) {
    const bool family_goes_on = &verb != chapter.verbs.data() &&
                                verb.name.find(' ') != std::string_view::npos &&
                                (&verb - 1)->name.substr(0, (&verb - 1)->name.find(' ')) ==
                                    verb.name.substr(0, verb.name.find(' '));
    const std::string word(family_goes_on ? verb.name.substr(verb.name.find(' ')) : verb.name);
    const std::string more = (line.size() == indent ? "" : family_goes_on ? " |" : ", ") + word;
    if (line.size() + more.size() + 1 > k_width) {
      text += line + ",\n";
      line = std::string(indent, ' ') + word;
    } else {
      line += more;
    }
  }
  return text + line + "\n";
}

}  // namespace

std::string help_text() {
  std::string text =
      "Usage: pmlctl [OPTION]... [VERB ...]: looks at and steers warm interpreters\n\n";
  for (const Chapter& chapter : chapters())
    if (!chapter.tells.empty()) text += chapter_text(chapter);
  text +=
      "\npmlctl help VERB tells of one, pmlctl help of each. Without a verb: list\n"
      "PROGRAM: as for python3, SCRIPT, -m MODULE or -c CODE, and arguments; after --\n\n";
  for (const char* name : {"profile", "venv", "socket", "json", "no-pager", "help", "version"})
    text += line_of(*find_option(name));
  return text;
}

std::string help_text(const Verb& verb) {
  std::string text = "Usage: pmlctl " + std::string(verb.name);
  if (!verb.options.empty()) text += " [OPTION]...";
  if (!verb.words.empty()) text += " " + std::string(verb.words);
  text += "\n  " + std::string(verb.tells) + "\n\n";
  for (const Option& option : all_options())
    if (takes(verb, option) && option.name != "version") text += line_of(option);
  if (!verb.example.empty()) text += "\nExample: pmlctl " + std::string(verb.example) + "\n";
  return text;
}

std::string family_text(std::string_view family) {
  std::string text;
  for (const Chapter& chapter : chapters()) {
    std::string verbs;
    for (const Verb& verb : chapter.verbs) {
      const bool within = verb.name.starts_with(family) && verb.name.size() > family.size() &&
                          verb.name[family.size()] == ' ';
      if (!family.empty() && !within) continue;
      const std::string form = std::string(verb.name) + " " + std::string(verb.words);
      verbs += "  " + padded(form, 38) + "  " + std::string(verb.tells) + "\n";
    }
    if (chapter.tells.empty() || verbs.empty()) continue;
    text += (text.empty() ? "" : "\n") + coloured(chapter.tells, Colour::bold) + "\n" + verbs;
  }
  return text;
}

int help(const Options& options) {
  if (options.words.empty()) {
    print(family_text({}) + "\nMore: pmlctl help VERB, man pmlctl\n", options.pager);
    return 0;
  }
  std::string name = options.words.front();
  if (options.words.size() == 2) name += " " + options.words.back();
  if (const Verb* verb = find_verb(name)) {
    print(help_text(*verb), false);
  } else if (begins_verbs(name)) {
    print(family_text(name), false);
  } else if (const std::string& family = options.words.front();
             options.words.size() == 2 && begins_verbs(family)) {
    throw Failure(base::k_exit_usage, "there is no verb \"" + name + "\"; pmlctl help " + family +
                                          " shows those there are");
  } else {
    throw Failure(base::k_exit_usage, "there is no verb \"" + name + "\"" +
                                          meant(name, verb_names()) + "; pmlctl help shows all");
  }
  return 0;
}

}  // namespace pml::ctl
