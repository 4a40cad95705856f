#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/channel.hpp"
#include "wire/reply.hpp"
#include "worker/fitness.hpp"

namespace pml::worker {

/// The options that this interpreter itself was started with. The GIL is held.
[[nodiscard]] RunOptions own_options();

/// Does what rehearse does, but in the zygote: what the interpreter remembers of it, the names that
/// it has looked up above all, workers share then instead of writing it once more each. The GIL is
/// held.
void rehearse_in_zygote();

/// Does once, in an idle worker, what a job would do first, so that the pages it writes are already
/// this process's own; leaves out what is left of that as soon as a job lies at `link`, which a job
/// cannot tell but by the clock. `after_fork` are modules to import here. The GIL is held. Returns
/// whether nothing was left out.
bool rehearse(const std::vector<std::string>& after_fork, base::BorrowedFd link);

/// A __main__ of the job's own: the zygote's is frozen, and the garbage collector would never find
/// the cycles that go through its globals; the frame of the code that started this holds them, too.
void renew_main();

/// Gives this process the caller's context and descriptors, but for what is Python's; `link` and
/// the job's connection are moved out of the way, `fixed` are descriptors of the program's own.
/// Nothing, or what was in the way; then the process is of no more use.
[[nodiscard]] std::optional<Objection> take_context(const wire::Request& request, wire::Job& job,
                                                    base::UniqueFd& link,
                                                    std::span<const int> fixed);

/// Whether the zygote was given PYTHONPATH, which is for its profile's path, and for nothing else.
[[nodiscard]] bool has_profile_path();

/// Looks at what the request and its environment ask of the interpreter; `options` is what it is to
/// be started with. The locale is set. Nothing, or why this process cannot run it.
[[nodiscard]] std::optional<Objection> judge_job(const wire::Request& request,
                                                 const Environment& caller, RunOptions& options);

/// Makes the interpreter what the caller's python3 would be at the start of its program; relative
/// names mean the caller's already. Nothing, or why it cannot.
[[nodiscard]] std::optional<Objection> become_job(const wire::Request& request,
                                                  const Environment& caller,
                                                  const RunOptions& options);

/// Tells the client; false where it has gone.
[[nodiscard]] bool tell_client(base::BorrowedFd connection, const wire::Reply& reply);

/// Waits on `link` for one job, becomes it, runs it and leaves the process with it. Never returns,
/// never throws into its caller; where the link closes first, it leaves quietly.
[[noreturn]] void serve_one(base::UniqueFd link);

}  // namespace pml::worker
