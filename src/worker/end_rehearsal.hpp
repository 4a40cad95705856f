#pragma once

namespace pml::worker {

/// Makes ready in the zygote what rehearse_end needs. The GIL is held.
void prepare_end();

/// Does in an idle worker what the end of a job will do to the interpreter, and undoes it, so that
/// the pages it writes are already this process's own.
void rehearse_end();

}  // namespace pml::worker
