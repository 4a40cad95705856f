#pragma once

#include <string>

namespace pml::worker {

/// A file that a library keeps open for itself in the zygote, at a number that it has noted. A job
/// has it only once it imported a module of those that use it.

/// Notes it, in the zygote. There is at most one.
void note_kept_file(int number, std::string path);
/// The number; -1 where there is none.
[[nodiscard]] int kept_file() noexcept;
/// Opens it again, in a job: at its number, and where the module's own import would open it, at the
/// lowest free one as well, so that the next file of the program gets the number that it gets under
/// python3. A failure is the library's to notice.
void open_kept_file(bool import_opens_it) noexcept;

}  // namespace pml::worker
