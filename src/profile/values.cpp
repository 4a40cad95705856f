#include "profile/values.hpp"

#include <algorithm>
#include <utility>

#include "profile/expand.hpp"
#include "profile/near_miss.hpp"
#include "profile/words.hpp"

namespace pml::profile {

bool expect(const Scope& scope, const Node& node, Node::Type type, const char* wanted,
            std::string hint) {
  if (node.type == type) return true;
  scope.problem(node.at, in_quotes(scope.key) + " must be " + wanted + ", not " + node.type_name,
                std::move(hint));
  return false;
}

bool expect_text(const Scope& scope, const Node& node) {
  std::string hint;
  if (node.type == Node::Type::integer) hint = "write \"" + std::to_string(node.number) + "\"";
  if (node.type == Node::Type::boolean) hint = node.flag ? "write \"true\"" : "write \"false\"";
  if (!expect(scope, node, Node::Type::text, "a string", hint)) return false;
  if (node.text.find('\0') == std::string::npos) return true;
  scope.problem(node.at, in_quotes(scope.key) + " must not hold a NUL character");
  return false;
}

void set_number(const Scope& scope, const Node& node, unsigned low, unsigned high,
                unsigned& value) {
  std::string hint;
  if (node.type == Node::Type::text && all_digits(node.text))
    hint = "write " + node.text + " without quotes";
  if (!expect(scope, node, Node::Type::integer, "an integer", hint)) return;
  if (node.number < low || node.number > high) {
    scope.problem(node.at, in_quotes(scope.key) + " must be between " + std::to_string(low) +
                               " and " + std::to_string(high) + ", not " +
                               std::to_string(node.number));
    return;
  }
  value = static_cast<unsigned>(node.number);
  scope.set(node.at);
}

std::string expanded_path(const Scope& scope, const Node& node) {
  if (!expect_text(scope, node)) return {};
  Expanded expanded = expand(node.text);
  if (!expanded.error.empty()) {
    scope.problem(node.at, in_quotes(scope.key) + ": " + expanded.error);
    return {};
  }
  if (expanded.text.starts_with('/')) return std::move(expanded.text);
  scope.problem(
      node.at, in_quotes(scope.key) + ": " + in_quotes(expanded.text) + " is not an absolute path");
  return {};
}

std::size_t expect_one_of(const Scope& scope, const Node& node,
                          const std::vector<std::string_view>& words) {
  if (!expect_text(scope, node)) return std::string::npos;
  const auto found = std::find(words.begin(), words.end(), node.text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i)
    list += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + in_quotes(words[i]);
  const std::string_view meant = near_miss(node.text, words);
  scope.problem(node.at,
                in_quotes(scope.key) + " must be " + list + ", not " + in_quotes(node.text),
                meant.empty() ? "" : "did you mean " + in_quotes(meant) + "?");
  return std::string::npos;
}

}  // namespace pml::profile
