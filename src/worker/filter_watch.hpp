#pragma once

namespace pml::worker {

/// Remembers what this process has loaded and which system calls it may make. Call it in an idle
/// worker.
void remember_filters() noexcept;

/// Whether the job has put a seccomp filter on itself since: then only system calls that python3
/// makes at its end, too, are certain to be allowed. Asks the kernel only where the job has had
/// foreign code at hand that could have. Call it while the job's modules are still in sys.modules.
[[nodiscard]] bool has_own_filter() noexcept;

}  // namespace pml::worker
