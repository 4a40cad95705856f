#include "trial/observer.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/check.hpp"

namespace pml::trial {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int k_recording_number = 250;
constexpr std::uint64_t k_other_calls = 0x40000000;  // x32
constexpr long k_options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
                           PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
constexpr int k_call_stop = SIGTRAP | 0x80;

#if defined(__x86_64__)
constexpr std::uint32_t k_own_calls = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_own_calls = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr std::uint32_t k_own_calls = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__)
constexpr std::uint32_t k_own_calls = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr std::uint32_t k_own_calls = AUDIT_ARCH_S390X;
#else
constexpr std::uint32_t k_own_calls = 0;  // every call is of another kind: a stop
#endif

/// Of <linux/ptrace.h>, which cannot be had together with <sys/ptrace.h> everywhere.
struct CallInfo {
  std::uint8_t operation;
  std::uint8_t padding[3];
  std::uint32_t architecture;
  std::uint64_t instruction, stack;
  std::uint64_t number;
  std::uint64_t arguments[6];
  std::uint64_t more[4];
};
constexpr auto k_get_call_info = static_cast<__ptrace_request>(0x420e);
constexpr std::uint8_t k_entry = 1;

bool get_call(pid_t thread, CallInfo& info) noexcept {
  return ::ptrace(k_get_call_info, thread, sizeof info, &info) > 0;
}

void wake(int /*signal*/) {}

/// Ends waitpid now and then, for a look at the clock.
void tick(bool on) noexcept {
  struct sigaction action = {};
  action.sa_handler = on ? wake : SIG_DFL;
  constexpr suseconds_t k_interval = 20000;
  const itimerval interval{{0, on ? k_interval : 0}, {0, on ? k_interval : 0}};
  if (on) ::sigaction(SIGALRM, &action, nullptr);
  ::setitimer(ITIMER_REAL, &interval, nullptr);
  if (!on) ::sigaction(SIGALRM, &action, nullptr);
}

milliseconds processor_time(pid_t process) noexcept {
  clockid_t clock = 0;
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                  std::chrono::nanoseconds(time.tv_nsec));
}

std::uint64_t memory_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::uint64_t all = 0, present = 0;
  file >> all >> present;
  return present * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Between fork and exec. Until the observer has its options it would leave this one behind if it
/// were killed.
[[noreturn]] void become(const Plan& plan, char* const* words, char* const* environment,
                         const Recording& recording, pid_t observer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != observer) ::_exit(126);
  if (plan.silent)
    for (int number = 0; number <= 2; ++number) {
      const base::UniqueFd null(base::k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC));
      (void)base::place(null.borrow(), number);
    }
  if (plan.kept >= 0) base::close_number(plan.kept);
  (void)base::place(recording.descriptor(), k_recording_number);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(126);
  ::raise(SIGSTOP);
  ::execvpe(words[0], words, environment);
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts)
    result.push_back(const_cast<char*>(text.c_str()));  // NOLINT
  result.push_back(nullptr);
  return result;
}

/// This process's, with the recorder in front.
std::vector<std::string> recorded_environment() {
  const char* const preloaded = std::getenv("LD_PRELOAD");
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::strncmp(*variable, "LD_PRELOAD=", 11) != 0) all.emplace_back(*variable);
  if (::access(recorder_library().c_str(), R_OK) == 0)
    for (std::string& variable :
         Recording::variables(k_recording_number, preloaded != nullptr ? preloaded : ""))
      all.push_back(std::move(variable));
  else if (preloaded != nullptr)
    all.push_back(std::string("LD_PRELOAD=") + preloaded);
  return all;
}

}  // namespace

Observer::Observer(const Plan& plan) : plan_(plan) {}

Observer::~Observer() {
  finish();
}

bool Observer::looks() const noexcept {
  return !plan_.awaits || recording_.attention() == Attention::full;
}

bool Observer::start() {
  const std::vector<std::string> environment = recorded_environment();
  const std::vector<char*> words = pointers(plan_.command), variables = pointers(environment);
  const pid_t own = ::getpid();
  child_ = base::check(::fork(), "cannot fork");
  if (child_ == 0) become(plan_, words.data(), variables.data(), recording_, own);
  int status = 0;
  if (::waitpid(child_, &status, __WALL) != child_ || !WIFSTOPPED(status)) {
    child_ = -1;
    result_.text = "this process must not be observed by another (ptrace)";
    return false;
  }
  if (::ptrace(PTRACE_SETOPTIONS, child_, nullptr, k_options) != 0 ||
      ::ptrace(PTRACE_SYSCALL, child_, nullptr, nullptr) != 0) {
    result_.text = std::string("ptrace: ") + std::strerror(errno);
    return false;
  }
  return true;
}

Result Observer::run() {
  since_ = Clock::now();
  if (start()) follow();
  const auto spent = std::chrono::duration<double>(Clock::now() - since_);
  result_.seconds = spent.count();
  if (child_ > 0)
    result_.cpu_seconds = std::chrono::duration<double>(processor_time(child_)).count();
  finish();
  result_.recorded = recording_.awake() && !recording_.overflowed();
  for (const Heard& heard : recording_.heard())
    result_.library.push_back({name_of(heard.kind), heard.name, heard.library, heard.module});
  return std::move(result_);
}

void Observer::follow() {
  tick(true);
  for (Step step = Step::go_on; step == Step::go_on;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0 && errno != EINTR) break;
    if (thread > 0) step = WIFSTOPPED(status) ? stopped(thread, status) : ended(thread, status);
    if (step == Step::go_on) step = check_bounds();
  }
  tick(false);
}

// What a line of config/ahead allows may be another program.
void Observer::let_go_child_of(pid_t thread) noexcept {
  unsigned long child = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &child) != 0) return;
  const auto process = static_cast<pid_t>(child);
  int status = 0;
  if (::waitpid(process, &status, __WALL) == process && WIFSTOPPED(status))
    ::ptrace(PTRACE_DETACH, process, nullptr, nullptr);
}

Observer::Step Observer::stopped(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  int passed_on = 0;
  const int event = status >> 16;
  if ((event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) && !looks())
    let_go_child_of(thread);
  if (signal == k_call_stop) {
    if (at_call(thread) == Step::over) return Step::over;
  } else if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8))) {
    began_ = true;
  } else if (status >> 16 == 0 && signal != SIGSTOP) {
    passed_on = signal;  // a thread begins with a SIGSTOP
  }
  ::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<long>(passed_on));
  return Step::go_on;
}

Observer::Step Observer::at_call(pid_t thread) {
  CallInfo info{};
  if (!get_call(thread, info)) {
    if (errno == ESRCH) return Step::go_on;  // killed meanwhile
    result_.text = "the kernel does not tell which calls are made (before Linux 5.3)";
    return Step::over;
  }
  if (info.operation != k_entry || !began_) return Step::go_on;
  if (!looks()) return Step::go_on;
  Call call;
  call.number = info.number;
  std::copy(std::begin(info.arguments), std::end(info.arguments), call.arguments.begin());
  const Tracee tracee(thread);
  if (info.architecture != k_own_calls || (info.number & k_other_calls) != 0) {
    Judgement foreign;
    foreign.what = "makes system calls of another kind of machine";
    return judged(foreign, call, tracee);
  }
  return judged(judge(call, tracee, plan_.arrangement), call, tracee);
}

Observer::Step Observer::judged(const Judgement& judgement, const Call& call,
                                const Tracee& tracee) {
  if (judgement.marked) {
    result_.outcome = Outcome::ended;
    constexpr std::uint64_t k_most = 1U << 20;
    const auto size = static_cast<std::size_t>(std::min(call.arguments[2], k_most));
    result_.text = tracee.bytes(call.arguments[1], size);
    return Step::over;
  }
  note_path(judgement);
  if (judgement.verdict == Verdict::own) note(result_.own, judgement);
  if (judgement.verdict == Verdict::fact) note(result_.facts, judgement);
  if (judgement.verdict != Verdict::stop) return Step::go_on;
  if (rule_of(call.number).look == Look::exit) {
    result_.outcome = Outcome::exited;
    result_.status = static_cast<int>(call.arguments[0] & 0xff);
    return Step::over;
  }
  result_.outcome = Outcome::stopped;
  result_.stop = {judgement.call, judgement.what, judgement.path, recording_.module()};
  return Step::over;
}

void Observer::note(std::vector<Asked>& list, const Judgement& judgement) {
  Asked asked{judgement.call, judgement.what, judgement.path, recording_.module()};
  const char separator = '\n';
  const std::string key = asked.call + separator + asked.what + separator + asked.path + separator +
                          asked.module + separator + (&list == &result_.own ? "own" : "fact");
  if (seen_.insert(key).second) list.push_back(std::move(asked));
}

void Observer::note_path(const Judgement& judgement) {
  std::vector<std::string>* const list = judgement.find == Find::file      ? &result_.files
                                         : judgement.find == Find::folder  ? &result_.folders
                                         : judgement.find == Find::missing ? &result_.missing
                                                                           : nullptr;
  if (list == nullptr) return;
  if (seen_.insert(std::to_string(static_cast<int>(judgement.find)) + judgement.path).second)
    list->push_back(judgement.path);
}

Observer::Step Observer::ended(pid_t thread, int status) {
  if (thread != child_) return Step::go_on;
  child_ = -1;
  if (!began_) {
    result_.outcome = Outcome::unavailable;
    result_.text = "cannot execute " + plan_.command.front();
  } else if (WIFSIGNALED(status)) {
    result_.outcome = Outcome::died;
    result_.status = WTERMSIG(status);
  } else {
    result_.outcome = Outcome::exited;
    result_.status = WEXITSTATUS(status);
  }
  return Step::over;
}

Observer::Step Observer::check_bounds() {
  const std::uint64_t memory = memory_of(child_);
  result_.max_rss = std::max(result_.max_rss, memory);
  if (plan_.memory != 0 && memory > plan_.memory) {
    result_.outcome = Outcome::too_large;
    return Step::over;
  }
  if (Clock::now() - since_ <= plan_.seconds && processor_time(child_) <= plan_.cpu_seconds)
    return Step::go_on;
  result_.outcome = Outcome::timed_out;
  return Step::over;
}

/// Whoever waits at a call is killed there: the kernel does not make it.
void Observer::finish() {
  if (child_ > 0) ::kill(child_, SIGKILL);
  child_ = -1;
  rusage usage{};
  for (int status = 0; ::wait4(-1, &status, __WALL, &usage) > 0 || errno == EINTR;)
    result_.max_rss = std::max(result_.max_rss, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
}

std::optional<std::string> why_unavailable() {
  Plan plan;
  plan.command = {"/proc/self/exe", "--end"};
  const Result result = Observer(plan).run();
  if (result.outcome == Outcome::exited) return std::nullopt;
  return result.text.empty() ? "a process that is observed ends" : result.text;
}

}  // namespace pml::trial
