// The part of ProgramPool that has one worker go on past the arguments that are repeated.
#include <algorithm>

#include "service/program_pool.hpp"
#include "wire/channel.hpp"

namespace pml::service {

namespace {

/// Less than that is not worth a process more.
constexpr std::uint64_t k_least_further_usec = 4000;

}  // namespace

// One more than are wanted: with what the last callers had in common. The listener may drop all
// that waits.
void ProgramPool::go_on(Waiting& waiting, const ahead::Report& report) {
  const std::string arguments = repeated_.wanted();
  const bool tried = findings_ && findings_->arguments == arguments;
  const bool needs_trial = repeated_.any() && report.before_arguments && report.unheard && !tried;
  if (!report.before_arguments || needs_trial) repeated_.are_useless();
  if (!repeated_.any() || wire::send_arguments(waiting.worker->link.borrow(), arguments) != 0) {
    drop(waiting);
    if (needs_trial) listener_.pool_stops_further(*this, arguments);
    return;
  }
  waiting.arguments = arguments;
  waiting.usec_before_arguments = report.processor_usec;
  waiting.ready = false;
  overdue_.arm(patience_);
}

void ProgramPool::went_on(Waiting& waiting, const ahead::Report& report) {
  const std::string arguments = waiting.arguments;
  if (report.processor_usec < waiting.usec_before_arguments + k_least_further_usec) {
    repeated_.are_useless();
    drop(waiting);
  } else {
    for (const ahead::FileFact& file : report.files)
      if (!files_.watches(file)) waiting.files.push_back(file);
    if (findings_)
      waiting.files.insert(waiting.files.end(), findings_->files.begin(), findings_->files.end());
    waiting.facts = facts_of(report);
    waiting.stop = report.question + " (" + report.place + ")";
    waiting.worker->saves_usec = report.processor_usec;
    waiting.ready = true;
  }
  if (report.untried) listener_.pool_stops_further(*this, arguments);
}

// Looked at each time: a file of data may lie where nobody tells of changes.
bool ProgramPool::has_changed(const Waiting& waiting) {
  return std::any_of(waiting.files.begin(), waiting.files.end(), [](const ahead::FileFact& file) {
    return !ahead::is_same(file.identity, ahead::identity_of(file.path));
  });
}

void ProgramPool::drop(const Waiting& waiting) {
  const Worker* worker = waiting.worker.get();
  std::erase_if(waiting_, [worker](const Waiting& item) { return item.worker.get() == worker; });
}

ProgramPool::Waiting* ProgramPool::further() noexcept {
  for (Waiting& item : waiting_)
    if (!item.arguments.empty()) return &item;
  return nullptr;
}

std::string ProgramPool::further_stop() const {
  const auto one = std::find_if(waiting_.begin(), waiting_.end(), [](const Waiting& item) {
    return item.ready && !item.arguments.empty();
  });
  return one != waiting_.end() ? one->stop : "";
}

WorkerSupply::Counts ProgramPool::plain() const noexcept {
  WorkerSupply::Counts counts;
  for (const Waiting& item : waiting_) {
    if (!item.arguments.empty()) continue;
    ++counts.all;
    if (item.ready) ++counts.ready;
  }
  return counts;
}

}  // namespace pml::service
