#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "profile/profile.hpp"

namespace pml::profile {

/// A place in a file; both counted from 1, columns in code points.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
};

struct Member;

/// A TOML value without the library that read it.
struct Node {
  enum class Type { text, integer, boolean, list, table, other };
  Type type = Type::other;
  Position at;
  std::string type_name;        ///< in words, with an article: "a string"
  std::string text;             ///< type text
  std::int64_t number = 0;      ///< type integer
  bool flag = false;            ///< type boolean
  std::vector<Node> items;      ///< type list, in order
  std::vector<Member> members;  ///< type table, in the order of the file
};

/// A key of a table and its value.
struct Member {
  std::string key;
  Position at;
  Node value;
};

/// The longest profile that is read, in bytes. No line may be longer than k_max_line bytes: a
/// dotted key is a table for each dot, and the depth of tables must stay bounded.
inline constexpr std::size_t k_max_text = std::size_t{256} * 1024;
inline constexpr std::size_t k_max_line = 4096;

/// Reads TOML. Returns the root table; where the text is not TOML, or a limit is exceeded, adds the
/// one problem and returns an empty table. `file` is what problems name.
[[nodiscard]] Node parse_text(const std::string& file, std::string_view text,
                              std::vector<Problem>& problems);

}  // namespace pml::profile
