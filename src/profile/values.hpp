#pragma once

#include <functional>
#include <string>

#include "profile/schema.hpp"

namespace pml::profile {

// Each looks at whether a node is what a key wants, and says what is wrong if it is not.

bool expect(const Scope& scope, const Node& node, Node::Type type, const char* wanted,
            std::string hint = "");
/// A string without NUL characters.
[[nodiscard]] bool expect_text(const Scope& scope, const Node& node);
/// Sets `value` where the node is an integer within the bounds.
void set_number(const Scope& scope, const Node& node, unsigned low, unsigned high, unsigned& value);
/// The absolute path that the node says, expanded. Empty where that went wrong.
[[nodiscard]] std::string expanded_path(const Scope& scope, const Node& node);
/// The place in `words` of the node's text; npos where it is none of them.
[[nodiscard]] std::size_t expect_one_of(const Scope& scope, const Node& node,
                                        const std::vector<std::string_view>& words);

}  // namespace pml::profile
