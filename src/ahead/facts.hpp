#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "wire/codec.hpp"

namespace pml::ahead {

/// What a program that ran ahead asked, and was answered as its last caller would have been. The
/// answers need no room: they are those of the request that the template was given.
enum class FactKind : std::uint8_t {
  variable = 1,        ///< the variable `name`; a program that set it before asks nothing
  every_variable = 2,  ///< the environment was gone through or counted
  folder = 3,          ///< the current folder, or what lies at a relative path
  mask = 4,            ///< the umask
  affinity = 5,        ///< the processors it may run on
  terminal = 7,        ///< whether descriptor `number` is a terminal
  terminal_size = 8,   ///< how large that is
  blocking = 9,        ///< whether reading from descriptor `number` waits
  seekable = 10,       ///< whether descriptor `number` has a position
};

/// The enumerator's name, as people read it; empty for what is none.
[[nodiscard]] std::string_view name_of(FactKind kind) noexcept;

struct Fact {
  FactKind kind = FactKind::variable;
  std::int32_t number = 0;
  std::string name;

  bool operator==(const Fact&) const = default;
  bool operator<(const Fact& other) const {
    return std::tie(kind, number, name) < std::tie(other.kind, other.number, other.name);
  }
};

/// A file or folder as stat(2) told it, or that there is none. Of a folder that only was asked
/// whether it is one, size and times are 0: what comes and goes in it is no concern.
struct Identity {
  bool exists = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< st_mtim in ns
  std::int64_t changed = 0;   ///< st_ctim in ns
  bool operator==(const Identity&) const = default;
};

/// Now, of what lies at `path`, symbolic links followed. Anything that cannot be looked at counts
/// as not there.
[[nodiscard]] Identity identity_of(const std::string& path) noexcept;

/// Whether only that it is a folder is known.
[[nodiscard]] constexpr bool is_loose(const Identity& identity) noexcept {
  return identity.exists && identity.modified == 0 && identity.changed == 0;
}

/// Whether `now` is what `then` says, as far as that says it.
[[nodiscard]] constexpr bool is_same(const Identity& then, const Identity& now) noexcept {
  if (!is_loose(then)) return then == now;
  return now.exists && now.device == then.device && now.inode == then.inode;
}

/// Something that was read, listed or looked for in vain, and what it was before that. Where it is
/// another one now, what ran ahead is worth nothing any more.
struct FileFact {
  std::string path;  ///< absolute
  Identity identity;
  bool operator==(const FileFact&) const = default;
};

void write(wire::Writer& out, const Fact& fact);
[[nodiscard]] Fact read_fact(wire::Reader& in);
void write(wire::Writer& out, const FileFact& file);
[[nodiscard]] FileFact read_file_fact(wire::Reader& in);

}  // namespace pml::ahead
