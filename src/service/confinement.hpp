#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "wire/reply.hpp"

namespace pml::service {

/// The lines of /proc/<pid>/status that say what a process may do. Values without the name, as the
/// kernel prints them; each points into the text it was read from.
struct StatusLines {
  enum Line : std::size_t {
    tracer,
    uid,
    gid,
    groups,
    inheritable,
    permitted,
    effective,
    bounding,
    ambient,
    no_new_privs,
    seccomp,
    seccomp_filters,
    store_bypass,
    indirect_branch,
    count
  };
  std::array<std::string_view, count> value{};
};

/// Reads the text of a status file; lines that are missing stay empty. Total.
[[nodiscard]] StatusLines parse_status(std::string_view text) noexcept;

/// What identifies a namespace, or a process's root folder.
struct Place {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Place&) const = default;
};
inline constexpr std::array<const char*, 10> k_places = {
    "ns/user", "ns/mnt", "ns/pid",  "ns/pid_for_children",  "ns/net",
    "ns/ipc",  "ns/uts", "ns/time", "ns/time_for_children", "root"};
using Places = std::array<Place, k_places.size()>;

/// A reason not to serve a peer.
struct Denial {
  wire::Refusal reason = wire::Refusal::confined;
  const char* detail = "";  ///< a few words; static
};

/// Whether a peer with these values would get from the service exactly the rights it has itself.
/// Pure. Nothing: it would; else the first difference.
[[nodiscard]] std::optional<Denial> compare(const StatusLines& own,
                                            const StatusLines& peer) noexcept;
[[nodiscard]] std::optional<Denial> compare(const Places& own, const Places& peer) noexcept;

/// Decides about peers by the kernel's word alone.
class Gatekeeper {
 public:
  /// Remembers the calling process's own values. Throws std::system_error.
  Gatekeeper();

  struct Verdict {
    pid_t pid = 0;
    std::optional<Denial> denial;
  };
  /// Looks at the process that connected `connection`. Allocates nothing.
  [[nodiscard]] Verdict examine(base::BorrowedFd connection) const noexcept;

 private:
  std::string status_;
  StatusLines own_;
  Places places_;
  std::string label_;
  std::string login_;  // the number of the user who logged in, for audit and getlogin(3)
};

}  // namespace pml::service
