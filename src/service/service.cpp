#include "service/service.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/exit_status.hpp"
#include "base/python_search.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/chosen_python.hpp"
#include "service/profile_path.hpp"
#include "service/status_text.hpp"

namespace pml::service {

namespace {

using std::chrono::seconds;

PoolLimits limits_of(const profile::Profile& profile) {
  return {profile.workers, profile.spare, profile.max_jobs, profile.max_queue};
}

std::uint64_t usec(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 +
         static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

Service::Service(const OwnContext& context, Setting setting, Daemon& daemon)
    : setting_(std::move(setting)),
      daemon_(daemon),
      notifier_(loop_, [this] { return status(); }),
      dispatcher_(loop_, [this] { counts_changed(); }),
      hatchery_(loop_, *this, dispatcher_, context.descriptor_limit()),
      programs_(loop_, dispatcher_),
      late_imports_(loop_),
      texts_(context, *this, "pml-" + setting_.profile.name),
      front_(loop_, *this),
      signals_{event::Signal(loop_, SIGHUP, [this](const signalfd_siginfo&) { reload(); }),
               event::Signal(loop_, SIGCHLD, [this](const signalfd_siginfo&) { reap(); })},
      scopes_(loop_, setting_.profile.name,
              [this](std::uint64_t number) { dispatcher_.mark_scoped(number); }),
      renewal_(
          loop_, [this](const std::string& file) { turned_stale(file); },
          [this] { hatchery_.raise(setting_.profile); }),
      succession_(loop_, [this] { leave_if_replaced(); }),
      shutdown_(loop_, dispatcher_, hatchery_, programs_, [this] { stop(0); }),
      pressure_(loop_, [this](bool pressed) { memory_changed(pressed); }),
      idle_exit_(
          loop_, [this] { rest(); }, seconds(1)),
      verifier_(
          loop_,
          [this](const std::string& module, const std::string& difference) {
            note_difference(module, difference);
          },
          [this] { verified(); }) {
  dispatcher_.set_hatchery(hatchery_);
  dispatcher_.set_ahead(programs_);
  dispatcher_.set_last_look([this] { renewal_.look(); });
  // Workers whose zygote dies become children of this process, which then reports their ends.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  loop_.answer_watchdog();
}

int Service::run(std::vector<base::UniqueFd> sockets) {
  open_output();
  apply(setting_.profile);
  std::vector<std::string> paths;
  paths.reserve(sockets.size());
  for (const base::UniqueFd& socket : sockets) paths.push_back(path_of(socket.borrow()));
  dispatcher_.images().set_sockets(paths);
  for (base::UniqueFd& socket : sockets) front_.listen(std::move(socket));
  // Without a manager nobody would start the new one.
  if (!setting_.standalone) succession_.watch();
  hatchery_.raise(setting_.profile);
  loop_.run();
  return shutdown_.exit_status();
}

void Service::apply(const profile::Profile& profile, bool anew) {
  setting_.profile = profile;
  // Without a profile nobody could say otherwise, and there is no name to keep things under.
  const bool has_profile = setting_.reload != nullptr;
  if (!has_profile) setting_.profile.learning.programs = profile::Learnt::none;
  programs_.configure(setting_.profile, has_profile, anew);
  environments_.allow(has_profile && setting_.profile.learning.environments);
  if (profile.cgroup == profile::Cgroup::scope)
    dispatcher_.set_handed([this](const Job& job) { scopes_.ask(job.name, job.label.command); });
  else
    dispatcher_.set_handed({});
  profile.watch_imports ? late_imports_.open() : late_imports_.close();
  hatchery_.set_imports_to(late_imports_.address());
  // Only pml-cold can give python3 the profile's path, and look what the caller has chosen.
  const bool own = !profile.names_interpreter && !chosen_python().empty();
  dispatcher_.set_launch(setting_.profile.launch);
  if (profile.launch == profile::Launch::worker || obstacle_in_place() != nullptr)
    dispatcher_.images().drop();
  dispatcher_.configure(limits_of(profile),
                        profile.path.empty() && !own ? profile.interpreter : std::string(),
                        profile.log_command);
}

// What an idle worker has of its own, an image cannot have; and only pml-cold can give python3 the
// profile's path.
const char* Service::obstacle_in_place() const {
  const profile::Profile& profile = setting_.profile;
  if (!profile.path.empty()) return "the profile has a path of its own";
  if (!profile.after_fork.empty()) return "modules are imported after the fork";
  if (profile.cgroup != profile::Cgroup::service) return "each job is to have a scope of its own";
  return nullptr;
}

// Ordered of each zygote anew.
void Service::make_image() {
  dispatcher_.images().drop();
  if (setting_.profile.launch == profile::Launch::worker) return;
  if (const char* const why = obstacle_in_place())
    log::write(LOG_NOTICE, log::k_no_image, std::string("jobs run in workers: ") + why);
  else
    hatchery_.order_image();
}

void Service::imager_came(base::UniqueFd link, std::uint32_t generation) {
  const bool wanted = setting_.profile.launch != profile::Launch::worker && !obstacle_in_place();
  if (!shutdown_.begun() && wanted) dispatcher_.images().came(std::move(link), generation);
}

void Service::open_output() {
  base::UniqueFd output;
  const std::string name = "pml-" + setting_.profile.name;
  if (log::to_journal())
    output = base::UniqueFd(base::k_adopt, sd_journal_stream_fd(name.c_str(), LOG_INFO, 0));
  // A daemon's zygote must not hold the terminal, or a pipe of the one who started it.
  if (!output.valid() && !daemon_.detached())
    output = base::duplicate(base::BorrowedFd(STDERR_FILENO));
  hatchery_.set_output(std::move(output));
}

// What is found in passing is named. It is shared no more once a person has asked for a
// verification: a pool that half falls apart by itself is not what anybody expects.
void Service::note_difference(const std::string& module, const std::string& difference) {
  hatchery_.trial().note_verified(module, {});
  if (!difference.empty())
    log::write(LOG_NOTICE, log::k_differs,
               "module " + module + " is not what python3 imports: " + difference +
                   "; pmlctl verify " + setting_.profile.name + " has it shared no more",
               {{"PML_MODULE", module}});
}

void Service::verify() {
  // Of a service without a profile nobody else could start the same.
  if (setting_.standalone || !hatchery_.warm()) return;
  verifier_.begin(setting_.profile.name, hatchery_.trial().unverified(hatchery_.shared()));
}

void Service::verified() {
  if (hatchery_.trial().keep_verified()) {
    hatchery_.renew();
    return;
  }
  log::write(LOG_INFO, log::k_verified,
             "what programs share was compared with what python3 imports");
}

void Service::submit(Ticket ticket, const wire::Request& request) {
  ticket.client.own = verifier_.owns(ticket.client.pid);
  if (!ticket.client.own) verifier_.make_way();
  // The caller's python3 is another one.
  if (!setting_.profile.names_interpreter && chosen_python_of(request) != chosen_python()) {
    turn_away(ticket.client, wire::Refusal::environment, base::k_python_variable);
    return;
  }
  if (setting_.profile.path.empty()) {
    dispatcher_.submit(std::move(ticket), request);
    return;
  }
  const PathedRequest pathed(request, setting_.profile);
  ticket.body = pathed.body();
  dispatcher_.submit(std::move(ticket), pathed.request());
}

void Service::submit_text(Client client, std::string_view line) {
  client.text = true;
  const TextLine parsed = parse_text(line);
  if (const auto* request = std::get_if<TextRequest>(&parsed))
    texts_.launch(std::move(client), *request);
  else if (const auto* error = std::get_if<TextError>(&parsed))
    client.tell_line("error " + error->reason + "\n");
  else
    answer(client, std::get<TextQuestion>(parsed));
}

void Service::answer(Client& client, const TextQuestion& question) {
  if (question.subject == "jobs") {
    client.tell_line(jobs_text(dispatcher_));
  } else if (question.subject == "imports") {
    client.tell_line(imports_text(late_imports_, hatchery_));
  } else if (question.subject == "modules") {
    client.tell_line(modules_text(hatchery_));
  } else if (question.subject == "verified") {
    if (question.job.empty())
      verified();
    else
      hatchery_.trial().note_verified(question.job, question.how);
    client.tell_line("done\n");
  } else if (question.subject == "programs" || question.subject == "ahead" ||
             question.subject == "forget") {
    answer_of_programs(client, question);
  } else if (question.subject == "environment") {
    const auto why_not = environments_.make_pool(question.job);
    client.tell_line(why_not ? "error " + *why_not + "\n" : "done\n");
  } else if (question.subject == "kill") {
    const bool known = dispatcher_.signal_job(question.job, question.signal);
    client.tell_line(known ? "done\n" : "error there is no such job\n");
  } else if (question.subject == "reload") {
    reload();
    client.tell_line(condition_.profile_error.empty() ? "done\n"
                                                      : "error " + condition_.profile_error + "\n");
  } else {
    client.tell_line(status_text(setting_.profile, dispatcher_, hatchery_,
                                 {condition_.profile_error, programs_status(programs_),
                                  condition_.reloading, succession_.replaced()}));
  }
}

void Service::answer_of_programs(Client& client, const TextQuestion& question) {
  if (question.subject == "programs")
    client.tell_line(programs_text(programs_));
  else if (question.subject == "ahead")
    programs_.run_ahead_now(question.job, std::move(client));
  else
    client.tell_line(programs_.forget(question.job) ? "done\n"
                                                    : "error there is no such program\n");
}

void Service::turn_away(Client& client, wire::Refusal reason, std::string_view detail) {
  dispatcher_.refuse(client, reason, detail);
}

void Service::became_warm(const std::vector<std::string>& files, timespec started) {
  if (shutdown_.begun()) return;
  make_image();
  dispatcher_.open_shop();
  std::vector<std::string> watched;
  if (setting_.profile.watch_sources) {
    watched = files;
    watched.push_back(setting_.profile.interpreter);
  }
  renewal_.became_warm(watched, started);
  if (condition_.reloading) {
    condition_.reloading = false;
    // Who is told so expects the new profile.
    dispatcher_.drop_outdated();
    notifier_.ready();
  }
  verify();
}

void Service::never_warm(int exit_status, const std::string& why) {
  log::write(LOG_ERR, log::k_service_failure, why);
  notifier_.failed(exit_status == base::k_exit_config ? EINVAL : EIO, why);
  // Who is waiting at the socket would start the service again, to no better end.
  dispatcher_.close_shop(wire::Refusal::broken);
  front_.accept_waiting();
  stop(exit_status);
}

void Service::hatchery_changed() {
  if (!condition_.ready && !shutdown_.begun())
    notifier_.extend_timeout(setting_.profile.preload_timeout + seconds(15));
  if (condition_.reloading && hatchery_.broken()) {
    condition_.reloading = false;
    condition_.profile_error = "no interpreter gets warm with it";
    notifier_.ready();
  }
  notifier_.changed();
  if (shutdown_.begun()) shutdown_.check();
}

void Service::counts_changed() {
  notifier_.changed();
  if (shutdown_.begun()) {
    shutdown_.check();
    return;
  }
  leave_if_replaced();
  const Pool& pool = dispatcher_.pool();
  if (condition_.ready || !hatchery_.warm() || pool.idle() == 0 || pool.forking() > 0) return;
  condition_.ready = true;
  log::write(LOG_INFO, log::k_service_ready, "the pool is warm: " + status());
  notifier_.ready();
  daemon_.started(0);
  rest();
}

std::string Service::status() const {
  return status_line(dispatcher_, hatchery_, condition_.profile_error);
}

void Service::reload() {
  if (shutdown_.begun()) return;
  log::write(LOG_INFO, log::k_service_reloading, "reloading the profile");
  notifier_.reloading();
  condition_.profile_error.clear();
  if (setting_.reload) {
    const profile::Result result = setting_.reload();
    if (!result.good()) {
      condition_.profile_error = result.one_line(setting_.profile.name);
      log::write(LOG_ERR, log::k_profile_bad,
                 "the new profile is bad, the old pool serves on: " + condition_.profile_error);
      notifier_.ready();
      return;
    }
    apply(*result.profile, true);
    rest();
  }
  condition_.reloading = condition_.ready;
  hatchery_.raise(setting_.profile);
}

void Service::turned_stale(const std::string& file) {
  if (shutdown_.begun()) return;
  log::write(LOG_NOTICE, log::k_preload_stale,
             "a new interpreter is made: " + file + " has changed", {{"PML_FILE", file}});
  dispatcher_.close_shop(wire::Refusal::stale);
}

void Service::leave_if_replaced() {
  if (shutdown_.begun() || !dispatcher_.at_rest()) return;
  if (const auto status = succession_.status_to_leave()) stop(*status);
}

void Service::memory_changed(bool pressed) {
  log::write(LOG_INFO, log::k_memory_pressure,
             pressed ? "memory runs short: only one idle worker is kept"
                     : "memory is free again: idle workers return");
  dispatcher_.set_pressure(pressed);
  programs_.set_pressure(pressed);
}

void Service::rest() {
  const auto limit = static_cast<std::uint64_t>(setting_.profile.idle_exit.count());
  if (limit == 0 || shutdown_.begun()) return;
  const std::uint64_t rested = event::Loop::now() - dispatcher_.last_activity();
  if (!dispatcher_.at_rest() || rested < limit) {
    const std::uint64_t rest = dispatcher_.at_rest() ? limit - rested : limit;
    idle_exit_.arm(std::chrono::microseconds(rest));
    return;
  }
  log::write(LOG_INFO, log::k_service_idle, "nothing ran for long: leaving");
  stop(0);
}

void Service::reap() {
  int status = 0;
  rusage usage{};
  for (;;) {
    const pid_t pid = ::wait4(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage);
    if (pid <= 0) break;
    const bool ended = WIFEXITED(status) || WIFSIGNALED(status);
    if (ended && (hatchery_.reaped(pid, status) || programs_.reaped(pid, status) ||
                  verifier_.reaped(pid) || environments_.reaped(pid, status)))
      continue;
    if (WIFSTOPPED(status) && (hatchery_.stopped(pid) || programs_.stopped(pid))) continue;
    dispatcher_.child_changed({pid, status, usec(usage.ru_utime) + usec(usage.ru_stime),
                               static_cast<std::uint64_t>(usage.ru_maxrss)});
  }
  if (shutdown_.begun()) shutdown_.check();
}

void Service::stop(int exit_status) {
  if (!shutdown_.begin(exit_status)) return;
  log::write(LOG_INFO, log::k_service_stopping, "stopping");
  notifier_.stopping();
  renewal_.stop();
  dispatcher_.images().drop();
  verifier_.stop();
  environments_.stop();
  front_.close();
  shutdown_.proceed(setting_.standalone);
}

}  // namespace pml::service
