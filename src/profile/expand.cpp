#include "profile/expand.hpp"

#include <cstdlib>

#include "base/paths.hpp"

namespace pml::profile {

namespace {

bool starts_name(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool continues_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9');
}

// Takes a variable's name from the front of `text`, with or without braces. Empty: there is none.
std::string take_name(std::string_view& text) {
  const bool braces = text.starts_with('{');
  std::string_view rest = text.substr(braces ? 1 : 0);
  std::size_t size = 0;
  if (!rest.empty() && starts_name(rest.front()))
    while (size < rest.size() && continues_name(rest[size])) ++size;
  if (size == 0 || (braces && (size >= rest.size() || rest[size] != '}'))) return {};
  text = rest.substr(size + (braces ? 1 : 0));
  return std::string(rest.substr(0, size));
}

// Takes what follows a dollar sign from the front of `text`.
void expand_variable(std::string_view& text, Expanded& result) {
  if (text.starts_with('$')) {
    text.remove_prefix(1);
    result.text += '$';
    return;
  }
  const std::string name = take_name(text);
  if (name.empty()) {
    result.error = "\"$\" must be followed by a variable's name; \"$$\" is one dollar sign";
    return;
  }
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    result.error = "the variable " + name + " is not set";
  else
    result.text += value;
}

}  // namespace

Expanded expand(std::string_view text) {
  Expanded result;
  if (text == "~" || text.starts_with("~/")) {
    result.text = base::home_folder();
    if (result.text.empty()) result.error = "the variable HOME is not set to an absolute path";
    text.remove_prefix(1);
  } else if (text.starts_with('~')) {
    result.error = "only one's own \"~\" can be expanded, no other user's";
  }
  while (!text.empty() && result.error.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '$')
      expand_variable(text, result);
    else
      result.text += c;
  }
  return result;
}

}  // namespace pml::profile
