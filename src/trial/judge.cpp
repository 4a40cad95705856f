#include "trial/judge.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <vector>

#include "trial/call_judge.hpp"

namespace pml::trial {

Judgement CallJudge::result() {
  result_.call = rule_.name != nullptr ? rule_.name : "";
  result_.verdict = rule_.verdict;
  result_.what = rule_.what != nullptr ? rule_.what : "";
  if (rule_.name == nullptr)
    result_.what = "makes system call " + std::to_string(call_.number);
  else
    look();
  return std::move(result_);
}

void CallJudge::look() {
  look_at_files();
  look_at_processes();
  look_at_sockets();
}

void CallJudge::look_at_processes() {
  switch (rule_.look) {
    case Look::thread:
      return forked(argument(0));
    case Look::thread3: {
      std::uint64_t flags = 0;  // the first member of struct clone_args
      return forked(tracee_.read(argument(0), &flags, sizeof flags) ? flags : 0);
    }
    case Look::process_control:
      return process_control();
    case Look::limit:
      if (argument(2) != 0) become(Verdict::stop, "changes its limits");
      return;
    case Look::signal_action:
      if (argument(1) == 0) become(Verdict::fact, "asks what a signal does");
      return;
    case Look::personality:
      if (static_cast<std::uint32_t>(argument(0)) == 0xffffffffU)
        become(Verdict::fact, "asks for its personality");
      return;
    case Look::wait_poll:
      return wait_poll();
    case Look::wait_select:
      for (int at = 1; at <= 3; ++at) {
        std::uint64_t first = 0;  // the bits of the lowest descriptors
        if (argument(at) != 0 && tracee_.read(argument(at), &first, sizeof first) &&
            (first & 7) != 0)
          become(Verdict::stop, "waits for a standard stream");
      }
      return;
    default:
      return;
  }
}

void CallJudge::forked(std::uint64_t flags) {
  if ((flags & CLONE_THREAD) != 0) become(Verdict::own, "starts a thread");
}

void CallJudge::process_control() {
  switch (number(0)) {
    case PR_GET_NAME:
    case PR_SET_NAME:
    case PR_GET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_GET_SECCOMP:
    case PR_GET_NO_NEW_PRIVS:
    case PR_CAPBSET_READ:
    case PR_GET_THP_DISABLE:
#ifdef PR_SET_VMA
    case PR_SET_VMA:
#endif
      become(Verdict::harmless, "");
      return;
    default:
      result_.what = "changes the process (prctl " + std::to_string(number(0)) + ")";
  }
}

void CallJudge::wait_poll() {
  const std::uint64_t count = std::min<std::uint64_t>(argument(1), 1024);
  std::vector<pollfd> entries(static_cast<std::size_t>(count));
  if (entries.empty() ||
      !tracee_.read(argument(0), entries.data(), entries.size() * sizeof(pollfd)))
    return;
  // Every start looks whether the three are open.
  const bool looks =
      number(2) == 0 && std::all_of(entries.begin(), entries.end(),
                                    [](const pollfd& one) { return one.events == 0; });
  if (!looks && std::any_of(entries.begin(), entries.end(),
                            [](const pollfd& one) { return is_standard(one.fd); }))
    become(Verdict::stop, "waits for a standard stream");
}

Judgement judge(const Call& call, const Tracee& tracee, const Arrangement& arrangement) {
  return CallJudge(call, tracee, arrangement).result();
}

}  // namespace pml::trial
