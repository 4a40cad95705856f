#include "service/scopes.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"

namespace pml::service {

namespace {

/// A unit's name cannot hold everything that a profile's name can.
std::string unit_safe(std::string name) {
  for (char& c : name)
    if (c == '@') c = '_';
  return name;
}

/// The bus takes nothing but UTF-8, a command line is any bytes.
std::string bus_safe(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

}  // namespace

/// What an answer belongs to. sd-bus frees it with the slot.
struct Scopes::Question {
  Scopes* scopes;
  std::uint64_t number;
  static void destroy(void* self) { delete static_cast<Question*>(self); }
};

Scopes::Scopes(event::Loop& loop, std::string profile, std::function<void(std::uint64_t)> moved)
    : loop_(loop), profile_(unit_safe(std::move(profile))), moved_(std::move(moved)) {}

Scopes::~Scopes() {
  sd_bus_close_unref(bus_);
}

bool Scopes::connect() noexcept {
  if (bus_ != nullptr && sd_bus_is_open(bus_) > 0) return true;
  sd_bus_close_unref(std::exchange(bus_, nullptr));
  int error = sd_bus_open_user(&bus_);
  if (error >= 0) error = sd_bus_attach_event(bus_, loop_.get(), 0);
  if (error < 0) {
    sd_bus_close_unref(std::exchange(bus_, nullptr));
    failed(std::strerror(-error));
  }
  return error >= 0;
}

void Scopes::ask(const JobName& job, const std::string& description) noexcept {
  if (!connect()) return;
  try {
    const std::string name = "app-pml-" + profile_ + "-" + job.text() + ".scope";
    auto question = std::make_unique<Question>(Question{this, job.number});
    const std::string shown = bus_safe(description);
    sd_bus_slot* slot = nullptr;
    const int error = sd_bus_call_method_async(
        bus_, &slot, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager", "StartTransientUnit", answered, question.get(),
        "ssa(sv)a(sa(sv))", name.c_str(), "fail", 4, "PIDs", "au", 1,
        static_cast<std::uint32_t>(job.pid), "Slice", "s", "app.slice", "Description", "s",
        shown.c_str(), "CollectMode", "s", "inactive-or-failed", 0);
    if (error < 0) {
      failed(std::strerror(-error));
      return;
    }
    sd_bus_slot_set_destroy_callback(slot, &Question::destroy);
    static_cast<void>(question.release());
    sd_bus_slot_set_floating(slot, 1);
    sd_bus_slot_unref(slot);
  } catch (...) {
    event::report_failure();
  }
}

int Scopes::answered(sd_bus_message* answer, void* question, sd_bus_error*) noexcept {
  const auto& asked = *static_cast<Question*>(question);
  if (sd_bus_message_is_method_error(answer, nullptr) <= 0)
    event::guarded([&] { asked.scopes->moved_(asked.number); });
  else if (sd_bus_message_get_errno(answer) != ESRCH)  // it may have ended meanwhile
    asked.scopes->failed(sd_bus_message_get_error(answer)->message);
  return 0;
}

void Scopes::failed(const char* what) noexcept {
  if (std::exchange(complained_, true)) return;
  log::write(LOG_WARNING, log::k_service_failure,
             std::string("jobs stay in the service's control group: ") + what);
}

}  // namespace pml::service
