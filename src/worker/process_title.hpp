#pragma once

#include <string_view>
#include <vector>

namespace pml::worker {

/// Reads, once in the zygote, what the kernel must be told again when the title changes.
void remember_memory_map() noexcept;

/// Makes /proc/self/cmdline read `arguments`, /proc/self/environ read `environment`, and environ(7)
/// point at the latter. The strings are copied and live as long as the process. Where the kernel
/// was built without PR_SET_MM_MAP only environ(7) changes.
void set_title_and_environment(const std::vector<std::string_view>& arguments,
                               const std::vector<std::string_view>& environment);

/// In a process that was restored from an image of this one: has the kernel show what it would of
/// the first. `executable`: the interpreter's file, for /proc/self/exe; where the kernel does not
/// allow that, it stays another. False where the kernel cannot be told at all.
[[nodiscard]] bool adopt_memory_map(const char* executable) noexcept;

/// Shows what the process was started with again; the environment itself stays.
void show_first_title() noexcept;

}  // namespace pml::worker
