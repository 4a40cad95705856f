#include "service/status_text.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace pml::service {

namespace {

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

void add(std::string& text, const char* key, const std::string& value) {
  text.append(key).append(" ").append(one_line(value)).append("\n");
}

void add(std::string& text, const char* key, std::uint64_t value) {
  add(text, key, std::to_string(value));
}

const char* name_of(JobState state) noexcept {
  switch (state) {
    case JobState::handed:
      return "starting";
    case JobState::running:
      return "running";
    case JobState::declined:
      return "declined";
    case JobState::lost:
      return "lost";
  }
  return "";
}

/// "exited:0" or "killed:9".
std::string ending(int wait_status) {
  return WIFSIGNALED(wait_status) ? "killed:" + std::to_string(WTERMSIG(wait_status))
                                  : "exited:" + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

std::string status_line(const Dispatcher& dispatcher, const Hatchery& hatchery,
                        const std::string& profile_error) {
  const Pool& pool = dispatcher.pool();
  std::string text = std::to_string(pool.idle()) + " idle, " + std::to_string(pool.running()) +
                     " running, " + std::to_string(pool.queued()) + " queued, " +
                     std::to_string(dispatcher.ledger().served()) + " served";
  if (const std::string activity = hatchery.activity(); !activity.empty()) text += "; " + activity;
  if (!hatchery.plan().failures().empty()) {
    text += "; preloads that failed:";
    for (const FailedPreload& failed : hatchery.plan().failures()) text += " " + failed.name;
  }
  if (!profile_error.empty()) text += "; the new profile is bad: " + profile_error;
  return one_line(text);
}

std::string status_text(const profile::Profile& profile, const Dispatcher& dispatcher,
                        const Hatchery& hatchery, const ServiceState& state) {
  const Pool& pool = dispatcher.pool();
  std::string text;
  add(text, "version", std::string(PML_VERSION));
  add(text, "profile", profile.name);
  if (profile.digest != 0) add(text, "profile-digest", std::to_string(profile.digest));
  if (state.reloading) add(text, "reloading", 1);
  if (state.replaced) add(text, "replaced", 1);
  add(text, "pid", static_cast<std::uint64_t>(::getpid()));
  add(text, "zygote", static_cast<std::uint64_t>(hatchery.zygote_pid()));
  add(text, "interpreter", profile.interpreter);
  add(text, "generation", hatchery.generation());
  add(text, "state",
      std::string(hatchery.warm()     ? "warm"
                  : hatchery.broken() ? "broken"
                                      : "warming-up"));
  if (const std::string activity = hatchery.activity(); !activity.empty())
    add(text, "activity", activity);
  add(text, "idle", pool.idle());
  add(text, "running", pool.running());
  add(text, "queued", pool.queued());
  add(text, "served", dispatcher.ledger().served());
  if (hatchery.warm_since() != 0)
    add(text, "warm-since", static_cast<std::uint64_t>(hatchery.warm_since()));
  add(text, "launch-p50-usec", dispatcher.ledger().record().percentile(50));
  add(text, "launch-p95-usec", dispatcher.ledger().record().percentile(95));
  add(text, "launch-p99-usec", dispatcher.ledger().record().percentile(99));
  for (const auto& [reason, count] : dispatcher.ledger().refusals())
    add(text, ("refused." + std::string(wire::name_of(reason))).c_str(), count);
  if (const auto& last = dispatcher.ledger().record().last_refused(); last.when != 0) {
    add(text, "last-refused",
        std::string(wire::name_of(last.reason)) + " " + std::to_string(last.when));
    add(text, "last-refused-detail", last.detail);
    add(text, "last-refused-command", last.command);
  }
  for (const Preload& preload : hatchery.plan().preloads())
    add(text, "preload", preload.name + " " + std::to_string(preload.usec));
  for (const FailedPreload& failed : hatchery.plan().failures())
    add(text, failed.quarantined ? "quarantined" : "failed-preload",
        failed.name + " " + failed.reason);
  for (const NotShared& module : hatchery.plan().not_shared())
    add(text, "not-shared", module.name + " " + module.reason);
  add(text, "unverified", hatchery.trial().unverified(hatchery.shared()).size());
  if (!state.profile_error.empty()) add(text, "profile-error", state.profile_error);
  for (const LaunchRecord::Ended& job : dispatcher.ledger().record().last())
    add(text, "last-job",
        job.job + " " + ending(job.wait_status) + " " + std::to_string(job.duration_usec) + " " +
            job.command);
  return text + state.programs + "\n";
}

std::string jobs_text(const Dispatcher& dispatcher) {
  std::string text;
  const std::uint64_t now = event::Loop::now();
  for (const auto& [pid, job] : dispatcher.jobs().all()) {
    if (job->client.own) continue;
    text += job->name.text() + " " + name_of(job->state) + " " +
            std::to_string((now - job->began) / 1000000) + " " + one_line(job->label.command) +
            "\n";
  }
  return text + "\n";
}

std::string modules_text(const Hatchery& hatchery) {
  if (!hatchery.warm()) return "error the pool is not warm yet\n";
  std::string text;
  for (const std::string& name : hatchery.shared()) text += name + "\n";
  return text + "\n";
}

std::string imports_text(const LateImports& imports, const Hatchery& hatchery) {
  if (!imports.listening()) return "error watch.imports is not set in the profile\n";
  std::string text;
  for (const auto& [name, count] : imports.counts())
    if (!hatchery.plan().is_excluded(name)) text += name + " " + std::to_string(count) + "\n";
  return text + "\n";
}

}  // namespace pml::service
