#include "zygote/ahead/parking.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <optional>

#include "ahead/messages.hpp"
#include "wire/channel.hpp"
#include "wire/zygote_message.hpp"
#include "worker/context.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/end.hpp"
#include "zygote/ahead/open_files.hpp"
#include "zygote/ahead/spies.hpp"
#include "zygote/ahead/takeover.hpp"
#include "zygote/ahead/trial.hpp"
#include "zygote/fork_server.hpp"

namespace pml::zygote::ahead {

namespace {

constexpr int k_status_left = 0;  // nobody asks for it
constexpr long k_tick_nsec = 50000000;

std::uint64_t microseconds(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

pml::ahead::Report report_of(const std::string& what) {
  Course& own = course();
  pml::ahead::Report report;
  report.facts.assign(own.facts.begin(), own.facts.end());
  for (const auto& [path, identity] : own.files) report.files.push_back({path, identity});
  report.question = what;
  report.place = place();
  report.processor_usec = own.processor_usec_before + microseconds(CLOCK_PROCESS_CPUTIME_ID);
  report.start_usec = own.start_usec_of_processor;
  report.usec = microseconds(CLOCK_MONOTONIC) - own.start_usec;
  report.untried = own.untried;
  report.before_arguments = own.asks_arguments && !own.knows_arguments && count_threads() == 1;
  report.unheard = own.runs_unheard_code;
  return report;
}

void send_with(const std::string& packet, const pml::ahead::Report& report) {
  const base::UniqueFd memory = pml::ahead::in_memory(pml::ahead::encode(report));
  const std::array<int, 1> one{memory.get()};
  if (!memory.valid() || wire::send_some(course().link.borrow(), packet, one) < 0)
    ::_exit(k_status_left);
}

std::string event_packet(wire::EventKind kind, const std::string& text, const std::string& name) {
  wire::Event event;
  event.kind = kind;
  event.text = text;
  event.name = name;
  return wire::encode(event);
}

timer_t g_timer{};           // NOLINT: of the process
bool g_ticks = false;        // NOLINT: likewise
bool g_stop_is_due = false;  // NOLINT: likewise

long resident_mib() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

int stop_now(void* /*nothing*/) {
  ask(Becomes::stop, "takes long");
  return 0;
}

/// In a signal handler: system calls, and what the interpreter allows there.
void tick(int /*signal*/) {
  const int error = errno;
  const pml::ahead::Plan& plan = course().plan;
  const std::uint64_t used = microseconds(CLOCK_PROCESS_CPUTIME_ID) / 1000;
  const std::uint64_t passed = (microseconds(CLOCK_MONOTONIC) - course().start_usec) / 1000;
  const bool late = used > plan.processor_msec || passed > plan.msec;
  const bool much = resident_mib() > static_cast<long>(plan.memory_mib);
  if (much || used / 2 > plan.processor_msec || passed / 2 > plan.msec)
    give_up(much ? "it takes too much memory" : "it takes too long");
  if (late && !g_stop_is_due) g_stop_is_due = Py_AddPendingCall(stop_now, nullptr) == 0;
  errno = error;
}

int tick_signal() noexcept {
  return SIGRTMAX - 3;
}

}  // namespace

int count_threads() noexcept {
  struct stat info = {};
  return ::stat("/proc/self/task", &info) == 0 ? static_cast<int>(info.st_nlink) - 2 : 1;
}

void start_bounds() {
  if (course().phase == Phase::in_template)
    course().start_usec_of_processor = microseconds(CLOCK_PROCESS_CPUTIME_ID);
  struct sigaction action = {};
  action.sa_handler = tick;
  action.sa_flags = SA_RESTART;
  ::sigaction(tick_signal(), &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = tick_signal();
  g_ticks = ::timer_create(CLOCK_MONOTONIC, &event, &g_timer) == 0;
  const itimerspec times{{0, k_tick_nsec}, {0, k_tick_nsec}};
  if (g_ticks) ::timer_settime(g_timer, 0, &times, nullptr);
}

void stop_bounds() {
  if (g_ticks) ::timer_delete(g_timer);
  g_ticks = false;
  ::signal(tick_signal(), SIG_DFL);
}

void give_up(const std::string& why, const std::string& module) {
  Course& own = course();
  if (on_trial()) end_trial({}, why);
  if (own.phase == Phase::in_template)
    (void)wire::send_some(own.link.borrow(), event_packet(wire::EventKind::not_ahead, why, module));
  else
    (void)wire::send_some(own.link.borrow(),
                          wire::encode(wire::Verdict{wire::VerdictKind::not_ahead, 0, why}));
  ::_exit(k_status_left);
}

void stop_template(const std::string& what) {
  Course& own = course();
  const Quiet quiet;
  stop_bounds();
  if (count_threads() > 1) give_up("threads were started");
  if (const auto why = note_open_files(own.link.get())) give_up(*why + " at: " + what);
  prepare_end();
  send_with(event_packet(wire::EventKind::ahead, {}, {}), report_of(what));
  own.processor_usec_before = microseconds(CLOCK_PROCESS_CPUTIME_ID);
  base::UniqueFd link;
  {
    ForkServer server(std::move(own.link), {});
    link = server.run_plainly();
  }
  if (!link.valid()) ::_exit(k_status_left);
  own.link = move_up(std::move(link));
  own.phase = Phase::in_worker;
  own.start_usec = microseconds(CLOCK_MONOTONIC);
  g_stop_is_due = false;
  if (!reopen_files()) give_up("a file cannot be opened again");
  renew_process();
  start_bounds();
}

void stop_worker(const std::string& what, bool went_on) {
  Course& own = course();
  if (own.phase != Phase::in_worker) return;
  const Quiet quiet;
  stop_bounds();
  worker::remember_own_context();
  if (went_on) prepare_end();
  send_with(wire::encode(wire::Verdict{wire::VerdictKind::ahead, 0, {}}), report_of(what));
  std::optional<wire::Job> job = wire::receive_job(own.link.borrow());
  if (!job) ::_exit(k_status_left);
  if (!job->arguments_only) return take_over(*job);
  own.knows_tried_ones = job->body == own.plan.arguments;
  if (own.runs_unheard_code && !own.knows_tried_ones) ::_exit(k_status_left);
  if (!take_arguments(job->body)) ::_exit(k_status_left);
  own.knows_arguments = true;
  own.start_usec = microseconds(CLOCK_MONOTONIC);
  start_bounds();
}

}  // namespace pml::zygote::ahead
