#include "wire/quirk.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pml::wire {

namespace {

/// A form's words: capitals stand for one word, with a colon for two names; EXPRESSION and ROW for
/// all up to the form's next word, or to the end.
struct QuirkForm {
  QuirkKind kind;
  std::string_view words;
};

constexpr std::array k_quirk_forms = {
    QuirkForm{QuirkKind::exit_call, "exit-call MODULE:FUNCTION only-if-set LIBRARY:SYMBOL"},
    QuirkForm{QuirkKind::import_needs, "import MODULE needs MODULE"},
    QuirkForm{QuirkKind::renew_by_value, "renew MODULE:NAME = EXPRESSION"},
    QuirkForm{QuirkKind::renew_by_call, "renew MODULE:NAME MODULE:CALLABLE"},
    QuirkForm{QuirkKind::threads, "threads MODULE ended by EXPRESSION begun by EXPRESSION"},
    QuirkForm{QuirkKind::draw_harmless, "draw MODULE LIBRARY harmless"},
    QuirkForm{QuirkKind::draw_by, "draw MODULE LIBRARY by EXPRESSION"},
    QuirkForm{QuirkKind::change, "change MODULE by MODULE"},
    QuirkForm{QuirkKind::watch, "watch MODULE:NAME items"},
    QuirkForm{QuirkKind::extension_once, "extension MODULE once"},
    QuirkForm{QuirkKind::import_guard, "extension MODULE:FUNCTION notices-second"},
    QuirkForm{QuirkKind::question, "question MODULE:KIND harmless"},
    QuirkForm{QuirkKind::difference, "difference MODULE harmless ROW"},
};

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::string_view cut_word(std::string_view& text) {
  skip_blanks(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

bool stands_for_text(std::string_view word) {
  return word == "EXPRESSION" || word == "ROW";
}

bool stands_for_word(std::string_view word) {
  return word.front() >= 'A' && word.front() <= 'Z';
}

/// What comes before the form's next words, or all; false where those do not come.
bool take_text(std::string_view form, std::string_view& line, std::vector<std::string>& parts) {
  const std::size_t capital =
      std::find_if(form.begin(), form.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) -
      form.begin();
  const std::string_view next = form.substr(0, capital);  // " begun by "
  skip_blanks(line);
  const std::size_t end = next.empty() ? line.size() : line.find(next);
  if (end == std::string_view::npos || end == 0) return false;
  parts.emplace_back(line.substr(0, end));
  line.remove_prefix(end);
  return true;
}

bool take_word(std::string_view wanted, std::string_view word, std::vector<std::string>& parts) {
  if (word.empty()) return false;
  if (!stands_for_word(wanted)) return word == wanted;
  if (wanted.find(':') == std::string_view::npos) {
    parts.emplace_back(word);
    return true;
  }
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == word.size()) return false;
  parts.emplace_back(word.substr(0, colon));
  parts.emplace_back(word.substr(colon + 1));
  return true;
}

std::optional<Quirk> read_as(const QuirkForm& form, std::string_view line) {
  Quirk quirk{form.kind, {}};
  std::string_view words = form.words;
  for (std::string_view word = cut_word(words); !word.empty(); word = cut_word(words)) {
    const bool good = stands_for_text(word) ? take_text(words, line, quirk.parts)
                                            : take_word(word, cut_word(line), quirk.parts);
    if (!good) return std::nullopt;
  }
  skip_blanks(line);
  if (!line.empty()) return std::nullopt;
  return quirk;
}

std::string_view without_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

}  // namespace

std::optional<Quirk> parse_quirk(std::string_view line) {
  for (const QuirkForm& form : k_quirk_forms)
    if (auto quirk = read_as(form, without_end(line))) return quirk;
  return std::nullopt;
}

std::string form_meant(std::string_view line) {
  const std::string_view kind = cut_word(line);
  std::string forms;
  for (const QuirkForm& form : k_quirk_forms) {
    std::string_view words = form.words;
    if (cut_word(words) == kind) forms.append(forms.empty() ? "" : ", or: ").append(form.words);
  }
  return forms;
}

QuirkLines quirk_lines(std::string_view text) {
  QuirkLines lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    std::string_view line = without_end(whole);
    skip_blanks(line);
    if (line.empty() || line.front() == '#') continue;
    if (parse_quirk(line)) {
      lines.good.emplace_back(line);
      continue;
    }
    const std::string meant = form_meant(line);
    lines.bad.push_back({number, "does not count: it is of no known form" +
                                     (meant.empty() ? "" : " (meant is: " + meant + ")")});
  }
  return lines;
}

}  // namespace pml::wire
