#include "service/program_pool.hpp"

#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "wire/channel.hpp"

namespace pml::service {

namespace {

using std::chrono::milliseconds;

/// A launch, and what follows it at once, go first.
constexpr milliseconds k_before_refill{50};
constexpr milliseconds k_after_failed_fork{1000};
/// What running ahead may take beyond its own bound until the process is taken for hung.
constexpr milliseconds k_grace{10000};
constexpr std::size_t k_longest_line = 300;

std::string end_sentence(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return "its interpreter was killed by signal " + std::to_string(WTERMSIG(wait_status));
  return "its interpreter ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1).substr(0, k_longest_line);
}

std::uint64_t private_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::uint64_t sum = 0;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"))
      sum += std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10) * 1024;
  return sum;
}

/// Programs ask for it, and nobody tells when it changes.
std::string node_name() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

}  // namespace

ProgramPool::ProgramPool(event::Loop& loop, ProgramPoolListener& listener, ProcessListener& jobs,
                         std::uint64_t program, std::uint32_t generation)
    : loop_(loop),
      listener_(listener),
      jobs_(jobs),
      program_(program),
      generation_(generation),
      files_(loop,
             [this](const std::string& file) {
               if (ends()) listener_.pool_stale(*this, file);
             }),
      refill_(loop, [this] { refill(); }),
      overdue_(loop, [this] { overdue(); }) {
  refill_.set_priority(event::k_priority_last);
}

ProgramPool::~ProgramPool() = default;

void ProgramPool::start(const std::string& interpreter,
                        std::shared_ptr<const RememberedCaller> caller, ahead::Plan plan,
                        std::shared_ptr<const TrialFindings> findings, unsigned workers) {
  caller_ = std::move(caller);
  findings_ = std::move(findings);
  if (findings_) {
    plan.tried = findings_->tried;
    plan.arguments = findings_->arguments;
    plan.template_stops.insert(plan.template_stops.end(), findings_->template_stops.begin(),
                               findings_->template_stops.end());
    plan.worker_stops.insert(plan.worker_stops.end(), findings_->worker_stops.begin(),
                             findings_->worker_stops.end());
  }
  supply_.want(workers, true);
  patience_ = milliseconds(plan.msec) + k_grace;
  node_name_ = node_name();
  said_ = ahead::in_memory({});
  ZygoteListener& self = *this;
  link_ = std::make_unique<ZygoteLink>(loop_, self, caller_->command(interpreter), said_.borrow(),
                                       generation_);
  wire::Order order;
  order.kind = wire::OrderKind::run_ahead;
  link_->send(order, caller_->in_memory(std::move(plan)));
  overdue_.arm(patience_);
}

void ProgramPool::zygote_said(ZygoteLink& /*zygote*/, const wire::Event& event,
                              base::UniqueFd attached) {
  switch (event.kind) {
    case wire::EventKind::ahead:
      stopped_ahead(std::move(attached));
      break;
    case wire::EventKind::not_ahead:
      fail(std::string(event.text), std::string(event.name), false);
      break;
    case wire::EventKind::unfit:
      fail("pml has no module for this interpreter", {}, false);
      break;
    case wire::EventKind::worker:
      worker_came(event.pid, std::move(attached));
      break;
    case wire::EventKind::fork_failed:
      supply_.arrived();
      refill_.arm(k_after_failed_fork);
      break;
    default:
      process_event(event);
  }
}

void ProgramPool::process_event(const wire::Event& event) {
  if (event.kind == wire::EventKind::exited) {
    jobs_.process_ended({event.pid, event.value, event.cpu_usec, event.max_rss_kib});
  } else if (event.kind == wire::EventKind::continued) {
    jobs_.process_continued(event.pid);
  } else if (event.kind == wire::EventKind::stopped) {
    // Nobody has a reason to stop what runs no program yet.
    if (is_waiting(event.pid))
      signal(event.pid, SIGCONT, false);
    else
      jobs_.process_stopped(event.pid, WSTOPSIG(event.value));
  }
}

void ProgramPool::stopped_ahead(base::UniqueFd memory) {
  const auto bytes = ahead::from_memory(memory.borrow());
  auto report = bytes ? ahead::decode_report(*bytes) : std::nullopt;
  if (!report || ahead()) {
    fail("its interpreter speaks another language", {}, true);
    return;
  }
  overdue_.disarm();
  progress_ = Progress::ahead;
  if (findings_ && !watch_files(findings_->files)) return;
  if (!watch_files(report->files)) return;
  report->files.clear();
  report_ = std::move(*report);
  refill();
}

bool ProgramPool::watch_files(const std::vector<ahead::FileFact>& files) {
  const std::string changed = files_.add(files);
  if (changed.empty()) return true;
  files_.clear();
  if (ends()) listener_.pool_stale(*this, changed);
  return false;
}

void ProgramPool::worker_came(pid_t pid, base::UniqueFd link) {
  supply_.arrived();
  if (end_ != End::none || !link.valid()) return;  // closing its link ends it
  Waiting waiting;
  waiting.worker = std::make_unique<Worker>();
  Worker& worker = *waiting.worker;
  worker.pid = pid;
  worker.generation = generation_;
  worker.program = program_;
  worker.came = event::Loop::now();
  worker.link = std::move(link);
  worker.watch = event::Io(loop_, worker.link.borrow(), EPOLLIN,
                           [this, &worker](std::uint32_t) { worker_said(worker); });
  waiting_.push_back(std::move(waiting));
  overdue_.arm(patience_);
  refill();
}

void ProgramPool::worker_said(Worker& worker) {
  static char buffer[wire::k_max_inline_body];
  wire::Received packet = wire::receive(worker.link.borrow(), std::span(buffer), MSG_DONTWAIT);
  if (packet.error == EAGAIN) return;
  const auto verdict = packet.error == 0 && packet.size > 0 && !packet.truncated
                           ? wire::decode_verdict({buffer, packet.size})
                           : std::nullopt;
  Waiting* waiting = find(worker);
  if (waiting == nullptr) return;
  if (verdict && verdict->kind == wire::VerdictKind::ahead && packet.descriptors.size() == 1)
    worker_ready(*waiting, std::move(packet.descriptors.front()));
  else if (!verdict || verdict->kind != wire::VerdictKind::rehearsed)
    worker_lost(worker, verdict ? std::string(verdict->text) : std::string());
}

void ProgramPool::worker_ready(Waiting& waiting, base::UniqueFd memory) {
  const auto bytes = ahead::from_memory(memory.borrow());
  auto report = bytes ? ahead::decode_report(*bytes) : std::nullopt;
  if (!report || waiting.ready) {
    worker_lost(*waiting.worker, "its worker speaks another language");
    return;
  }
  if (!waiting.arguments.empty()) return went_on(waiting, *report);
  if (!watch_files(report->files)) return;
  report->files.clear();
  waiting.facts = facts_of(*report);
  waiting.worker->saves_usec = report->processor_usec;
  waiting.ready = true;
  if (supply_.has_one_more(plain()) && further() == nullptr) return go_on(waiting, *report);
  report_ = std::move(*report);
  supply_.became_ready();
  overdue_.disarm();
  if (waiting_.size() != this->waiting()) overdue_.arm(patience_);
  refill_.arm(k_before_refill);
  listener_.pool_ready(*this, std::exchange(progress_, Progress::ready) != Progress::ready);
}

std::vector<ahead::Fact> ProgramPool::facts_of(const ahead::Report& report) const {
  std::vector<ahead::Fact> facts = report.facts;
  if (findings_) facts.insert(facts.end(), findings_->facts.begin(), findings_->facts.end());
  return facts;
}

void ProgramPool::worker_lost(const Worker& worker, const std::string& why) {
  if (const Waiting* waiting = find(worker); waiting != nullptr && !waiting->arguments.empty()) {
    repeated_.are_useless();
    drop(*waiting);
    return;
  }
  std::erase_if(waiting_, [&](const Waiting& item) { return item.worker.get() == &worker; });
  if (end_ != End::none) return;
  if (supply_.lost_too_many() || !why.empty())
    fail(why.empty() ? "its workers end by themselves" : why, {}, why.empty());
  else
    refill_.arm(k_after_failed_fork);
}

std::unique_ptr<Worker> ProgramPool::take(const ahead::Caller& now, std::string& why) {
  files_.look();
  if (node_name() != node_name_ && ends()) listener_.pool_stale(*this, "the machine's name");
  if (end_ != End::none) return nullptr;
  const std::string arguments = wire::encode_arguments(now.request->arguments);
  repeated_.launched(arguments);
  refill_.arm(k_before_refill);
  std::string ignored;
  std::unique_ptr<Worker> worker = take_one(now, arguments, ignored);
  if (worker)
    repeated_.came_true();
  else if (!ignored.empty())
    repeated_.missed();
  if (!worker) worker = take_one(now, {}, why);
  if (worker) worker->watch.reset();  // another one follows it from here
  return worker;
}

std::unique_ptr<Worker> ProgramPool::take_one(const ahead::Caller& now,
                                              const std::string& arguments, std::string& why) {
  for (auto item = waiting_.begin(); item != waiting_.end(); ++item) {
    if (!item->ready || item->arguments != arguments) continue;
    if (has_changed(*item)) {
      repeated_.was_in_vain();
      waiting_.erase(item);
      return nullptr;
    }
    if (auto different = ahead::difference(item->facts, caller_->caller(), now)) {
      why = std::move(*different);
      return nullptr;
    }
    std::unique_ptr<Worker> worker = std::move(item->worker);
    waiting_.erase(item);
    return worker;
  }
  return nullptr;
}

void ProgramPool::want(unsigned workers, bool further) {
  supply_.want(workers, further);
  while (waiting_.size() > workers) waiting_.pop_back();
  refill_.arm(k_before_refill);
}

void ProgramPool::refill() {
  if (!ahead() || end_ != End::none || !link_->open()) return;
  // Others are repeated now.
  if (const Waiting* one = further(); one != nullptr && one->arguments != repeated_.wanted())
    drop(*one);
  if (!supply_.wants_one(plain(), repeated_.any() && further() == nullptr)) return;
  wire::Order order;
  order.kind = wire::OrderKind::fork;
  order.value = 1;
  supply_.ordered();
  link_->send(order);
  overdue_.arm(patience_);
}

void ProgramPool::leave() {
  if (std::exchange(end_, End::leaving) == End::leaving) return;
  files_.clear();
  waiting_.clear();
  refill_.disarm();
  overdue_.disarm();
  wire::Order order;
  order.kind = wire::OrderKind::leave;
  // One that still runs the program does not listen.
  if (ahead())
    link_->send(order);
  else
    link_->kill();
}

bool ProgramPool::signal(pid_t pid, int number, bool whole_group) {
  if (!link_->open()) return false;
  wire::Order order;
  order.kind = wire::OrderKind::signal;
  order.value = number;
  order.target = pid;
  order.flag = whole_group ? 1 : 0;
  link_->send(order);
  return true;
}

void ProgramPool::zygote_left(ZygoteLink& zygote) {
  if (end_ != End::leaving) zygote.kill();  // its end follows as a child's
}

void ProgramPool::reaped(int wait_status) {
  link_->drain();
  const std::string text = last_line(ahead::from_memory(said_.borrow()).value_or(""));
  fail(end_sentence(wait_status) + (text.empty() ? "" : ": " + text), {}, true);
}

void ProgramPool::stopped() noexcept {
  ::kill(link_->pid(), SIGCONT);
}

void ProgramPool::overdue() {
  if (ahead() && !supply_.is_owed() && waiting() == waiting_.size())
    return;  // nobody owes anything
  if (const Waiting* one = further(); one != nullptr && !one->ready) {
    repeated_.are_useless();
    drop(*one);
    refill_.arm(k_before_refill);
    return;
  }
  link_->kill();
  fail("it hangs while it runs ahead", {}, true);
}

bool ProgramPool::ends() noexcept {
  if (end_ != End::none) return false;
  end_ = End::told;
  return true;
}

void ProgramPool::fail(const std::string& why, const std::string& stop_before, bool broken) {
  if (!ends()) return;
  listener_.pool_failed(*this, why, stop_before, broken);
}

ProgramPool::Waiting* ProgramPool::find(const Worker& worker) noexcept {
  for (Waiting& item : waiting_)
    if (item.worker.get() == &worker) return &item;
  return nullptr;
}

bool ProgramPool::is_waiting(pid_t pid) const noexcept {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [pid](const Waiting& item) { return item.worker->pid == pid; });
}

unsigned ProgramPool::waiting() const noexcept {
  return static_cast<unsigned>(std::count_if(waiting_.begin(), waiting_.end(),
                                             [](const Waiting& item) { return item.ready; }));
}

std::uint64_t ProgramPool::private_memory() const {
  std::uint64_t sum = private_bytes(pid());
  for (const Waiting& item : waiting_) sum += private_bytes(item.worker->pid);
  return sum;
}

}  // namespace pml::service
