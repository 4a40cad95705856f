#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace pml::ctl {

/// What a process, or several, hold of the machine's memory, in KiB.
struct Memory {
  std::uint64_t pss = 0;     ///< shared pages counted in parts: the sum is what is really used
  std::uint64_t shared = 0;  ///< resident and shared with others
  std::uint64_t own = 0;     ///< resident and in no other process

  Memory& operator+=(const Memory& other) noexcept;
};

/// Reads the text of /proc/PID/smaps_rollup.
[[nodiscard]] Memory parse_smaps_rollup(std::string_view text);

/// A zygote and what it forked: idle workers and jobs. All zero where it cannot be looked at.
struct PoolMemory {
  unsigned processes = 0;
  Memory zygote;
  Memory all;  ///< shared: of the zygote, since it is what the others share with it
};
[[nodiscard]] PoolMemory memory_of_pool(pid_t zygote);

}  // namespace pml::ctl
