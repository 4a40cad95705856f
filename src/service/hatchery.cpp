#include "service/hatchery.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/hatchery_zygote.hpp"
#include "service/unfit.hpp"
#include "wire/quirk.hpp"

namespace pml::service {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t k_settled_usec = 10000000;
/// In the number of an interpreter that does not serve.
constexpr std::uint32_t k_on_trial = 1U << 31;

/// What does not count is said once, when the service starts.
std::vector<std::string> read_quirks() {
  constexpr const char* k_file = PML_PREFIX "/share/pml/quirks";
  std::ifstream file(k_file);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  wire::QuirkLines lines = wire::quirk_lines(text);
  for (const wire::BadQuirk& bad : lines.bad)
    log::write(LOG_WARNING, log::k_quirk_unknown,
               std::string(k_file) + ":" + std::to_string(bad.line) + ": " + bad.sentence,
               {{"PML_FILE", k_file}});
  return std::move(lines.good);
}

/// Has the interpreter be recorded from its first instruction on.
void observe(ZygoteCommand& command, const trial::Recording& recording) {
  const std::string name = "LD_PRELOAD=";
  std::string others;
  std::erase_if(command.environment, [&](const std::string& variable) {
    if (!variable.starts_with(name)) return false;
    others = variable.substr(name.size());
    return true;
  });
  for (std::string& variable : trial::Recording::variables(k_recording_number, others))
    command.environment.push_back(std::move(variable));
  command.recording = recording.descriptor();
}

std::string end_sentence(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return "was killed by signal " + std::to_string(WTERMSIG(wait_status));
  return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

Hatchery::Hatchery(event::Loop& loop, HatcheryListener& listener, ProcessListener& processes,
                   rlimit descriptor_limit)
    : loop_(loop),
      listener_(listener),
      processes_(processes),
      descriptor_limit_(descriptor_limit),
      quirks_(read_quirks()),
      overdue_(loop, [this] { overdue(); }),
      again_(loop, [this] { start(); }) {}

Hatchery::~Hatchery() = default;

void Hatchery::raise(const profile::Profile& profile) {
  profile_ = profile;
  plan_.begin(profile);
  retries_.begin();
  if (next_) retire(std::move(next_));
  misled_ = {};
  trial_.begin(profile_, zygote_command().environment);
  start();
}

void Hatchery::misled(std::string_view module, std::string_view variable) {
  // While another zygote is on its way, callers are turned away that it will serve.
  if (next_ || !misled_.note(module, variable)) return;
  trial_.begin(profile_, zygote_command().environment);
  start();
}

ZygoteCommand Hatchery::zygote_command() const {
  auto additions = profile_.environment;
  if (!profile_.path.empty())
    additions.emplace_back("PYTHONPATH", profile::python_path(profile_, nullptr));
  Variables environment = zygote_environment(environ, additions);
  misled_.apply_to(environment);
  return {
      profile_.interpreter, base::module_folders(), std::move(environment), descriptor_limit_, {}};
}

void Hatchery::start() {
  again_.disarm();
  if (stopping_ || next_) return;
  plan_.begin_zygote();
  ZygoteCommand command = zygote_command();
  auto zygote = std::make_unique<Zygote>();
  ::clock_gettime(CLOCK_REALTIME, &zygote->started);
  try {
    zygote->on_trial = trial_.wanted();
    if (zygote->on_trial) observe(command, trial_.start());
    // Those that serve are counted.
    const std::uint32_t number = zygote->on_trial ? k_on_trial | (trials_ + 1) : generations_ + 1;
    ZygoteListener& self = *this;
    zygote->link = std::make_unique<ZygoteLink>(loop_, self, command, output_.borrow(), number);
  } catch (const std::system_error& failure) {
    retries_.failed();
    retry(failure.what(), base::k_exit_config);
    return;
  }
  ++(zygote->on_trial ? trials_ : generations_);
  next_ = std::move(zygote);
  boot(*next_);
  listener_.hatchery_changed();
}

void Hatchery::zygote_said(ZygoteLink& link, const wire::Event& event, base::UniqueFd worker) {
  Zygote* zygote = find(link);
  if (zygote == nullptr) return;
  switch (event.kind) {
    case wire::EventKind::worker:
      if (worker.valid())
        processes_.worker_came(event.pid, std::move(worker), link.generation());
      else
        processes_.fork_failed();
      break;
    case wire::EventKind::imager:
      if (worker.valid() && zygote == current_.get())
        listener_.imager_came(std::move(worker), link.generation());
      break;
    case wire::EventKind::exited:
      processes_.process_ended({event.pid, event.value, event.cpu_usec, event.max_rss_kib});
      break;
    case wire::EventKind::stopped:
      processes_.process_stopped(event.pid, WSTOPSIG(event.value));
      break;
    case wire::EventKind::continued:
      processes_.process_continued(event.pid);
      break;
    case wire::EventKind::fork_failed:
      log::write(LOG_WARNING, log::k_fork_failed,
                 std::string("a worker could not be forked: ") + std::strerror(event.value));
      processes_.fork_failed();
      break;
    case wire::EventKind::warm:
      became_warm(*zygote, event);
      break;
    case wire::EventKind::unfit:
      zygote->unfit = unfit_sentence(profile_.interpreter, event);
      break;
    default:
      boot_progress(*zygote, event);
  }
}

void Hatchery::retire(ZygotePointer zygote) {
  if (zygote->warm_since != 0) {
    wire::Order order;
    order.kind = wire::OrderKind::leave;
    zygote->link->send(order);
  } else {
    zygote->link->kill();
  }
  leaving_.push_back(std::move(zygote));
}

void Hatchery::order_forks(unsigned count) {
  if (!current_ || count == 0) return;
  wire::Order order;
  order.kind = wire::OrderKind::fork;
  order.value = static_cast<std::int32_t>(count);
  current_->link->send(order);
}

void Hatchery::order_image() {
  if (!current_) return;
  wire::Order order;
  order.kind = wire::OrderKind::image;
  current_->link->send(order);
}

bool Hatchery::signal(std::uint32_t generation, pid_t pid, int signal, bool whole_group) {
  wire::Order order;
  order.kind = wire::OrderKind::signal;
  order.value = signal;
  order.target = pid;
  order.flag = whole_group ? 1 : 0;
  if (!current_ || current_->link->generation() != generation || !current_->link->open())
    return false;
  current_->link->send(order);
  return true;
}

void Hatchery::start_no_more() {
  stopping_ = true;
  overdue_.disarm();
  again_.disarm();
  if (next_) retire(std::move(next_));
}

void Hatchery::stop() {
  start_no_more();
  if (current_) retire(std::move(current_));
}

void Hatchery::kill_all() noexcept {
  if (next_) next_->link->kill();
  if (current_) current_->link->kill();
  for (const ZygotePointer& zygote : leaving_) zygote->link->kill();
}

Hatchery::Zygote* Hatchery::find(const ZygoteLink& link) noexcept {
  const auto is_it = [&](const ZygotePointer& zygote) {
    return zygote && zygote->link.get() == &link;
  };
  if (is_it(current_)) return current_.get();
  if (is_it(next_)) return next_.get();
  const auto found = std::find_if(leaving_.begin(), leaving_.end(), is_it);
  return found != leaving_.end() ? found->get() : nullptr;
}

void Hatchery::zygote_left(ZygoteLink& link) {
  // What closed its link can do nothing useful any more. Its end follows as a child's.
  if (current_ && current_->link.get() == &link) {
    link.kill();
    processes_.breeding_changed(false);
  } else if (next_ && next_->link.get() == &link) {
    // Its own last words and status matter here: it is about to end by itself, or hangs.
    overdue_.arm(milliseconds(500));
  }
}

bool Hatchery::stopped(pid_t pid) noexcept {
  const auto is_it = [&](const ZygotePointer& zygote) {
    return zygote && zygote->link->pid() == pid;
  };
  if (!is_it(current_) && !is_it(next_) && std::none_of(leaving_.begin(), leaving_.end(), is_it))
    return false;
  ::kill(pid, SIGCONT);
  return true;
}

bool Hatchery::reaped(pid_t pid, int wait_status) {
  const auto is_it = [&](const ZygotePointer& zygote) {
    return zygote && zygote->link->pid() == pid;
  };
  ZygotePointer zygote;
  const bool was_current = is_it(current_);
  const bool was_next = is_it(next_);
  const auto left = std::find_if(leaving_.begin(), leaving_.end(), is_it);
  if (!was_current && !was_next && left == leaving_.end()) return false;
  (was_current ? current_ : was_next ? next_ : *left)->link->drain();
  if (was_current || is_it(current_))  // the latter: became warm by its last packets
    zygote = std::move(current_);
  else if (is_it(next_))
    zygote = std::move(next_);
  if (zygote) {
    gone(std::move(zygote), was_current, wait_status);
    return true;
  }
  const std::uint32_t generation = (*left)->link->generation();
  leaving_.erase(left);
  processes_.parent_lost(generation);
  listener_.hatchery_changed();
  return true;
}

void Hatchery::gone(ZygotePointer zygote, bool was_current, int wait_status) {
  const std::uint32_t generation = zygote->link->generation();
  const std::string sentence = zygote->hung ? "hung" : end_sentence(wait_status);
  processes_.breeding_changed(warm());
  processes_.parent_lost(generation);
  if (stopping_) return;
  if (was_current) {
    log::write(LOG_ERR, log::k_zygote_lost, "the warm interpreter " + sentence,
               {{"PML_PID", std::to_string(zygote->link->pid())}});
    if (event::Loop::now() - zygote->warm_since > k_settled_usec) retries_.served_long();
    if (!next_) retry("the warm interpreter " + sentence, base::k_exit_software);
    return;
  }
  overdue_.disarm();
  if (zygote->on_trial && !zygote->hung && zygote->unfit.empty()) {
    // Without the recorder it is seen whose fault it was.
    trial_.give_up();
    start();
    return;
  }
  if (!zygote->importing.empty()) {
    quarantine(zygote->importing, "the interpreter " + sentence + " while importing it");
    start();
    return;
  }
  retries_.failed();
  if (!zygote->unfit.empty()) {
    retry(zygote->unfit, base::k_exit_config);
    return;
  }
  const bool by_itself = WIFEXITED(wait_status) && !zygote->hung;
  retry("the interpreter " + profile_.interpreter + " " + sentence + " before it was warm",
        by_itself ? base::k_exit_config : base::k_exit_software);
}

void Hatchery::retry(const std::string& why, int exit_status) {
  const auto delay = retries_.next(exit_status == base::k_exit_config);
  if (!delay) {
    listener_.never_warm(exit_status, why);
    return;
  }
  log::write(LOG_WARNING, log::k_zygote_lost, why + "; a new one starts");
  again_.arm(*delay);
  listener_.hatchery_changed();
}

void Hatchery::give_up_hung_zygote() {
  if (!current_) return;
  log::write(LOG_ERR, log::k_zygote_hung, "the warm interpreter does not fork any more",
             {{"PML_PID", std::to_string(current_->link->pid())}});
  current_->hung = true;
  current_->link->kill();
}

bool Hatchery::warm() const noexcept {
  return current_ && current_->link->open();
}

std::uint32_t Hatchery::generation() const noexcept {
  return current_ ? current_->link->generation() : 0;
}

std::time_t Hatchery::warm_since() const noexcept {
  return current_ ? current_->warm_time : 0;
}

std::vector<std::string> Hatchery::shared() const {
  return current_ ? current_->shared : std::vector<std::string>();
}

pid_t Hatchery::zygote_pid() const noexcept {
  return current_ ? current_->link->pid() : 0;
}

}  // namespace pml::service
