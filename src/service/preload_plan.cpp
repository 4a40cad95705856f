#include "service/preload_plan.hpp"

#include <algorithm>

namespace pml::service {

namespace {

std::string_view last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const std::size_t start = text.rfind('\n');
  return start == std::string_view::npos ? text : text.substr(start + 1);
}

/// Of "module:function", too.
std::string_view module_of(std::string_view name) {
  return name.substr(0, name.find(':'));
}

}  // namespace

void PreloadPlan::begin(const profile::Profile& profile) {
  *this = {};
  modules_ = profile.modules;
  optional_ = profile.optional;
  after_fork_ = profile.after_fork;
  warmup_ = profile.warmup;
}

void PreloadPlan::begin_zygote() {
  preloads_.clear();
  failed_.clear();
  for (const auto& [name, why] : quarantined_) failed_.push_back({name, "given up: " + why, true});
}

std::vector<std::string_view> PreloadPlan::wanted(const std::vector<std::string>& names) const {
  std::vector<std::string_view> result;
  for (const std::string& name : names)
    if (!quarantined_.contains(name) && !excluded_.contains(module_of(name)))
      result.emplace_back(name);
  return result;
}

void PreloadPlan::fill(wire::Boot& boot) const {
  for (const auto& [name, why] : quarantined_) boot.avoided.emplace_back(module_of(name));
  boot.avoided.insert(boot.avoided.end(), excluded_.begin(), excluded_.end());
  boot.pieces.assign(pieces_.begin(), pieces_.end());
  boot.modules = wanted(modules_);
  boot.optional = wanted(optional_);
  boot.after_fork = wanted(after_fork_);
  boot.warmup = wanted(warmup_);
}

void PreloadPlan::imported(std::string_view name, std::uint64_t usec) {
  preloads_.push_back({std::string(name), usec});
}

void PreloadPlan::failed(std::string_view name, std::string_view text) {
  failed_.push_back({std::string(name), std::string(last_line(text))});
}

bool PreloadPlan::not_shared(std::string_view name, std::string_view why) {
  const bool known = std::any_of(not_shared_.begin(), not_shared_.end(),
                                 [&](const NotShared& item) { return item.name == name; });
  if (!known) not_shared_.push_back({std::string(name), std::string(why)});
  return !known;
}

void PreloadPlan::leave_out(const std::vector<std::string_view>& modules, std::string_view pieces) {
  excluded_.insert(modules.begin(), modules.end());
  while (!pieces.empty()) {
    const std::size_t end = std::min(pieces.find('\n'), pieces.size());
    if (end > 0) pieces_.emplace_back(pieces.substr(0, end));
    pieces.remove_prefix(std::min(end + 1, pieces.size()));
  }
}

void PreloadPlan::give_up(const std::string& name, const std::string& why) {
  quarantined_.emplace(name, why);
}

}  // namespace pml::service
