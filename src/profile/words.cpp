#include "profile/words.hpp"

#include <algorithm>

namespace pml::profile {

namespace {

constexpr std::size_t k_longest_quote = 120;

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) noexcept {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::string replaced(std::string_view text, char from, char to) {
  std::string result(text);
  std::replace(result.begin(), result.end(), from, to);
  return result;
}

}  // namespace

bool is_dotted_name(std::string_view text) noexcept {
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_identifier(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::string module_hint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && is_dotted_name(text.substr(0, colon)))
    return "functions to call belong in \"preload.warmup\"";
  if (const std::string meant = replaced(text, '-', '_'); is_dotted_name(meant))
    return "did you mean " + in_quotes(meant) + "?";
  std::string_view stem = text;
  if (stem.ends_with(".py")) stem.remove_suffix(3);
  if (const std::string meant = replaced(stem, '/', '.'); is_dotted_name(meant))
    return "did you mean " + in_quotes(meant) + "?";
  return {};
}

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 9 && std::all_of(text.begin(), text.end(), is_digit);
}

bool has_control_character(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), is_control);
}

std::string dotted(std::string_view section, std::string_view key) {
  return section.empty() ? std::string(key) : std::string(section) + '.' + std::string(key);
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  result += text.substr(0, k_longest_quote);
  // A character that was cut in two would make the whole line unreadable for the journal.
  if (text.size() > k_longest_quote) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80)
      result.pop_back();
    if (static_cast<unsigned char>(result.back()) >= 0xc0) result.pop_back();
    result += "…";
  }
  std::replace_if(result.begin(), result.end(), is_control, '?');
  return result + '"';
}

}  // namespace pml::profile
