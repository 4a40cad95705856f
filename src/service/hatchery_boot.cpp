// The part of Hatchery that follows a zygote until it is warm.
#include <algorithm>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "service/hatchery_zygote.hpp"

namespace pml::service {

namespace {

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

void Hatchery::boot(Zygote& zygote) {
  wire::Order order;
  order.kind = wire::OrderKind::boot;
  plan_.fill(order.boot);
  order.boot.quirks = views(quirks_);
  std::vector<std::string> heard = trial_.lines();
  for (const auto& [module, why] : misled_.renounced())
    heard.push_back(std::string("differs ").append(module).append(" - ").append(why));
  std::erase_if(order.boot.after_fork,
                [this](std::string_view name) { return misled_.renounced().contains(name); });
  order.boot.heard = views(heard);
  order.boot.trial = zygote.on_trial;
  order.boot.imports_to = imports_to_;
  zygote.to_import = static_cast<unsigned>(order.boot.modules.size() + order.boot.optional.size());
  zygote.link->send(order);
  overdue_.arm(profile_.preload_timeout);
}

void Hatchery::boot_progress(Zygote& zygote, const wire::Event& event) {
  if (event.kind == wire::EventKind::tried) {
    if (&zygote == next_.get()) trial_over(event);
    return;
  }
  if (event.kind == wire::EventKind::shared) {
    zygote.shared.insert(zygote.shared.end(), event.files.begin(), event.files.end());
    return;
  }
  if (zygote.on_trial)
    trial_.add_files(event.files);
  else if (event.kind != wire::EventKind::start_over)
    zygote.files.insert(zygote.files.end(), event.files.begin(), event.files.end());
  if (event.kind == wire::EventKind::start_over) {
    start_over(event);
    return;
  }
  if (event.name.empty()) return;  // a part of a long list of files
  if (event.kind == wire::EventKind::preload_warning) {
    give_up_unforkable(std::string(event.name), std::string(event.text));
    return;
  }
  if (event.kind == wire::EventKind::not_shared) {
    note_not_shared(event.name, event.text);
    return;
  }
  if (event.kind == wire::EventKind::preloading) {
    zygote.importing = event.name;
  } else {
    zygote.importing.clear();
    ++zygote.imported;
  }
  if (event.kind == wire::EventKind::preloaded)
    plan_.imported(event.name, static_cast<std::uint64_t>(std::max(event.value, 0)));
  if (event.kind == wire::EventKind::preload_failed)
    note_failed(event.name, event.text, event.value == 1, !zygote.on_trial);
  if (&zygote == next_.get()) overdue_.arm(profile_.preload_timeout);
  listener_.hatchery_changed();
}

void Hatchery::note_failed(std::string_view name, std::string_view text, bool absent_optional,
                           bool told) {
  if (absent_optional) return;
  plan_.failed(name, text);
  if (!told) return;
  log::write(LOG_WARNING, log::k_preload_failed,
             "preload " + std::string(name) + " failed:\n" + std::string(text),
             {{"PML_MODULE", std::string(name)}});
}

void Hatchery::note_not_shared(std::string_view name, std::string_view why) {
  if (!plan_.not_shared(name, why)) return;
  log::write(LOG_INFO, log::k_preload_not_shared,
             "each program imports " + std::string(name) + " by itself: " + std::string(why),
             {{"PML_MODULE", std::string(name)}});
}

// What the imports of modules that programs do not share have left in others must not be found by
// those that import them by themselves.
void Hatchery::start_over(const wire::Event& event) {
  plan_.leave_out(event.files, event.text);
  if (event.value == 1 && next_) start_again();
}

void Hatchery::start_again() {
  overdue_.disarm();
  retire(std::move(next_));
  start();
}

void Hatchery::trial_over(const wire::Event& event) {
  trial_.add_files(event.files);
  trial_.finish();
  start_again();
}

void Hatchery::became_warm(Zygote& zygote, const wire::Event& event) {
  if (&zygote != next_.get()) return;
  zygote.files.insert(zygote.files.end(), event.files.begin(), event.files.end());
  if (!trial_.fits({zygote.files.begin(), zygote.files.end()})) {
    start_again();
    return;
  }
  overdue_.disarm();
  zygote.importing.clear();
  zygote.warm_since = event::Loop::now();
  zygote.warm_time = std::time(nullptr);
  retries_.became_warm();
  if (current_) retire(std::move(current_));
  current_ = std::move(next_);
  log::write(LOG_INFO, log::k_zygote_warm,
             "the interpreter is warm, " + std::to_string(event.value) + " modules preloaded",
             {{"PML_PID", std::to_string(current_->link->pid())},
              {"PML_INTERPRETER", profile_.interpreter}});
  listener_.became_warm(std::exchange(current_->files, {}), current_->started);
  processes_.breeding_changed(true);
  listener_.hatchery_changed();
}

void Hatchery::quarantine(const std::string& name, const std::string& why) {
  plan_.give_up(name, why);
  log::write(LOG_ERR, log::k_preload_quarantined,
             "preload " + name + " is given up until the profile or a file changes: " + why,
             {{"PML_MODULE", name}});
}

// A thread or an open file does not come through a fork: a job would have the module without it.
void Hatchery::give_up_unforkable(const std::string& name, const std::string& what) {
  quarantine(name, what);
  if (next_) start_again();
}

void Hatchery::overdue() {
  if (!next_) return;
  next_->hung = next_->link->open();
  if (next_->hung)
    log::write(LOG_ERR, log::k_zygote_hung,
               next_->importing.empty()
                   ? "the interpreter hangs while it warms up"
                   : "the interpreter hangs while importing " + next_->importing,
               {{"PML_MODULE", next_->importing}});
  next_->link->kill();
}

std::string Hatchery::activity() const {
  if (!next_) return again_.armed() ? "waiting to start the interpreter again" : "";
  if (next_->importing.empty()) return "starting the interpreter";
  return (next_->on_trial ? "trying " : "importing ") + next_->importing + " (" +
         std::to_string(next_->imported + 1) + " of " +
         std::to_string(std::max(next_->to_import, next_->imported + 1)) + ")";
}

}  // namespace pml::service
