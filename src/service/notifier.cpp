#include "service/notifier.hpp"

#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace pml::service {

namespace {

constexpr std::uint64_t k_between_usec = 1000000;

}  // namespace

Notifier::Notifier(event::Loop& loop, std::function<std::string()> describe)
    : describe_(std::move(describe)),
      timer_(
          loop, [this] { flush(); }, std::chrono::milliseconds(250)),
      active_(std::getenv("NOTIFY_SOCKET") != nullptr) {
  timer_.set_priority(event::k_priority_last);
}

void Notifier::send(const std::string& state) const {
  if (active_) sd_notify(0, state.c_str());
}

void Notifier::ready() {
  sent_ = describe_();
  send("READY=1\nSTATUS=" + sent_);
}

void Notifier::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(event::Loop::now()));
}

// Why it failed is what the status line shows from then on.
void Notifier::stopping() {
  send(failed_ ? "STOPPING=1" : "STOPPING=1\nSTATUS=stopping");
}

void Notifier::extend_timeout(std::chrono::microseconds more) {
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(more.count()));
}

void Notifier::failed(int error, const std::string& status) {
  failed_ = true;
  send("STATUS=" + status + "\nERRNO=" + std::to_string(error));
}

void Notifier::changed() {
  if (!active_ || failed_ || timer_.armed()) return;
  const std::uint64_t since = event::Loop::now() - sent_at_;
  timer_.arm(std::chrono::microseconds(since >= k_between_usec ? 20000 : k_between_usec - since));
}

void Notifier::flush() {
  std::string status = describe_();
  if (status == sent_) return;
  sent_ = std::move(status);
  sent_at_ = event::Loop::now();
  send("STATUS=" + sent_);
}

}  // namespace pml::service
