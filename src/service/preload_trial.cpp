#include "service/preload_trial.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"

namespace pml::service {

namespace {

/// A boot order is one packet, and the names of the modules have to be in it as well.
constexpr std::size_t k_most_bytes = 64U << 10;

std::string difference_line(const std::string& module, const std::string& difference) {
  constexpr std::size_t k_most = 200;
  return "differs " + module + " - " + difference.substr(0, k_most);
}

std::string key_of(const profile::Profile& profile, const Variables& environment) {
  std::string key = profile.interpreter;
  for (const auto* list : {&profile.path, &profile.modules, &profile.optional, &profile.warmup}) {
    key += "\n:";
    for (const std::string& item : *list) key += "\n" + item;
  }
  Variables sorted = environment;
  std::sort(sorted.begin(), sorted.end());
  key += "\n:";
  for (const std::string& variable : sorted) key += "\n" + variable;
  return key;
}

}  // namespace

void PreloadTrial::begin(const profile::Profile& profile, const Variables& environment) {
  recording_.reset();
  result_.reset();
  lines_.clear();
  repeated_ = differs_ = false;
  kept_.emplace(profile.name);
  key_ = key_of(profile, environment);
  if (auto kept = kept_->find(key_)) adopt(std::move(*kept));
}

const trial::Recording& PreloadTrial::start() {
  files_.clear();
  recording_ = std::make_unique<trial::Recording>();
  return *recording_;
}

void PreloadTrial::add_files(const std::vector<std::string_view>& files) {
  files_.insert(files.begin(), files.end());
}

void PreloadTrial::finish() {
  if (!recording_) return;
  trial::PreloadResult result;
  result.key = key_;
  result.observed = recording_->awake() && !recording_->overflowed();
  result.heard = recording_->heard();
  for (const std::string& file : files_) result.files.emplace(file, trial::identity_of(file));
  recording_.reset();
  if (!result.observed)
    log::write(LOG_WARNING, log::k_trial_blind,
               "what compiled code asks when it is imported cannot be observed here");
  kept_->keep(result);
  adopt(std::move(result));
}

void PreloadTrial::give_up() {
  recording_.reset();
  trial::PreloadResult nothing;
  nothing.key = key_;
  adopt(std::move(nothing));
}

bool PreloadTrial::fits(const std::set<std::string>& files) {
  if (!result_ || !result_->observed || repeated_ || result_->covers(files)) return true;
  repeated_ = true;
  result_.reset();
  lines_.clear();
  return false;
}

std::vector<std::string> PreloadTrial::unverified(const std::vector<std::string>& shared) const {
  std::vector<std::string> left;
  if (result_)
    std::copy_if(shared.begin(), shared.end(), std::back_inserter(left),
                 [this](const std::string& name) { return !result_->verified.contains(name); });
  return left;
}

void PreloadTrial::note_verified(const std::string& module, const std::string& difference) {
  if (!result_) return;
  result_->verified[module] = difference;
  if (difference.empty()) return;
  differs_ = true;
  lines_.push_back(difference_line(module, difference));
}

bool PreloadTrial::keep_verified() {
  if (result_) kept_->keep(*result_);
  return std::exchange(differs_, false);
}

void PreloadTrial::adopt(trial::PreloadResult result) {
  result_ = std::move(result);
  std::size_t size = 0;
  for (const auto& [module, difference] : result_->verified)
    if (!difference.empty()) lines_.push_back(difference_line(module, difference));
  for (const trial::Heard& heard : result_->heard) {
    // The clock is the process's own, and a start has asked for itself.
    if (heard.kind == trial::RecordKind::clock || heard.module.empty()) continue;
    lines_.push_back(trial::line_of(heard));
    size += lines_.back().size() + 8;
  }
  if (size <= k_most_bytes) return;
  log::write(LOG_WARNING, log::k_trial_blind,
             "compiled code asks for too much when it is imported to be told of");
  std::erase_if(lines_, [](const std::string& line) { return line.starts_with("variable "); });
}

}  // namespace pml::service
