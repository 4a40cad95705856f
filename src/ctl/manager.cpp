#include "ctl/manager.hpp"

#include <chrono>
#include <cstdlib>
#include <thread>

#include "ctl/command.hpp"

namespace pml::ctl {

namespace {

constexpr const char* k_name = "org.freedesktop.systemd1";
constexpr const char* k_path = "/org/freedesktop/systemd1";
constexpr const char* k_interface = "org.freedesktop.systemd1.Manager";
constexpr std::chrono::milliseconds k_look_again{20};

struct Reply {
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  sd_bus_message* message = nullptr;
  sd_bus_error error{};
  ~Reply() {
    sd_bus_message_unref(message);
    sd_bus_error_free(&error);
  }
  [[nodiscard]] std::string why() const {
    return error.message != nullptr ? error.message : "the user manager did not answer";
  }
};

/// As C takes a list; points into `strings`.
class Strings {
 public:
  explicit Strings(const std::vector<std::string>& strings) {
    for (const std::string& string : strings)
      pointers_.push_back(const_cast<char*>(string.c_str()));
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char** get() { return pointers_.data(); }

 private:
  std::vector<char*> pointers_;
};

bool has_changed_files(sd_bus_message* reply, bool enabling) {
  int has_install_section = 0;
  if (enabling && sd_bus_message_read(reply, "b", &has_install_section) < 0) return true;
  return sd_bus_message_enter_container(reply, 'a', "(sss)") < 0 ||
         sd_bus_message_at_end(reply, 0) == 0;
}

}  // namespace

std::string socket_unit(const std::string& profile) {
  return "pml@" + profile + ".socket";
}

std::string profile_of_unit(const std::string& unit) {
  const std::size_t at = unit.find('@') + 1;
  return unit.substr(at, unit.rfind('.') - at);
}

std::string service_unit(const std::string& profile) {
  return "pml@" + profile + ".service";
}

std::optional<Manager> Manager::connect() {
  sd_bus* bus = nullptr;
  if (sd_bus_open_user(&bus) < 0) return std::nullopt;
  Manager manager(bus);
  Reply reply;
  char* version = nullptr;
  const int result = sd_bus_get_property_string(bus, k_name, k_path, k_interface, "Version",
                                                &reply.error, &version);
  std::free(version);  // NOLINT: sd-bus allocates with malloc
  if (result < 0) return std::nullopt;
  return manager;
}

std::string Manager::unit_path(const std::string& unit) {
  Reply reply;
  const char* path = nullptr;
  if (sd_bus_call_method(bus_.get(), k_name, k_path, k_interface, "LoadUnit", &reply.error,
                         &reply.message, "s", unit.c_str()) < 0 ||
      sd_bus_message_read(reply.message, "o", &path) < 0)
    return {};
  return path;
}

std::string Manager::property(const std::string& unit, const char* interface, const char* name) {
  const std::string path = unit_path(unit);
  if (path.empty()) return {};
  Reply reply;
  char* value = nullptr;
  if (sd_bus_get_property_string(bus_.get(), k_name, path.c_str(), interface, name, &reply.error,
                                 &value) < 0)
    return {};
  std::string result = value;
  std::free(value);  // NOLINT
  return result;
}

std::string Manager::active_state(const std::string& unit) {
  return property(unit, "org.freedesktop.systemd1.Unit", "ActiveState");
}

std::string Manager::status_text(const std::string& service) {
  return property(service, "org.freedesktop.systemd1.Service", "StatusText");
}

std::string Manager::file_state(const std::string& unit) {
  Reply reply;
  const char* state = nullptr;
  if (sd_bus_call_method(bus_.get(), k_name, k_path, k_interface, "GetUnitFileState", &reply.error,
                         &reply.message, "s", unit.c_str()) < 0 ||
      sd_bus_message_read(reply.message, "s", &state) < 0)
    return {};
  return state;
}

void Manager::job(const char* method, const std::string& unit, bool wait) {
  Reply reply;
  const char* path = nullptr;
  if (sd_bus_call_method(bus_.get(), k_name, k_path, k_interface, method, &reply.error,
                         &reply.message, "ss", unit.c_str(), "replace") < 0 ||
      sd_bus_message_read(reply.message, "o", &path) < 0)
    throw Failure(k_exit_failure,
                  unit + ": " + reply.why() + "; see pmlctl doctor " + profile_of_unit(unit));
  if (wait) wait_for(path, unit);
}

Failure Manager::failed(const std::string& unit) {
  const std::string why = status_text(unit), profile = profile_of_unit(unit);
  return {k_exit_failure, unit + " has failed" + (why.empty() ? "" : ": " + why) +
                              "; pmlctl doctor " + profile + " says what to do"};
}

// The job object is there as long as the job is.
void Manager::wait_for(const std::string& job_path, const std::string& unit) {
  for (;;) {
    Reply reply;
    char* state = nullptr;
    const int result =
        sd_bus_get_property_string(bus_.get(), k_name, job_path.c_str(),
                                   "org.freedesktop.systemd1.Job", "State", &reply.error, &state);
    std::free(state);  // NOLINT
    if (result < 0) break;
    std::this_thread::sleep_for(k_look_again);
  }
  if (active_state(unit) == "failed") throw failed(unit);
}

void Manager::enable(const std::vector<std::string>& units) {
  change_files("EnableUnitFiles", units, true);
}

void Manager::disable(const std::vector<std::string>& units) {
  change_files("DisableUnitFiles", units, false);
}

// Since systemd 255 a manager that has changed files calls all units outdated until it has read
// them again.
void Manager::change_files(const char* method, const std::vector<std::string>& units,
                           bool enabling) {
  Strings names(units);
  Reply order;
  Reply reply;
  sd_bus_message*& message = order.message;
  const bool done = sd_bus_message_new_method_call(bus_.get(), &message, k_name, k_path,
                                                   k_interface, method) >= 0 &&
                    sd_bus_message_append_strv(message, names.get()) >= 0 &&
                    (enabling ? sd_bus_message_append(message, "bb", 0, 0)
                              : sd_bus_message_append(message, "b", 0)) >= 0 &&
                    sd_bus_call(bus_.get(), message, 0, &reply.error, &reply.message) >= 0;
  if (!done)
    throw Failure(k_exit_failure, std::string("cannot ") + (enabling ? "enable " : "disable ") +
                                      units.front() + ": " + reply.why() + "; see pmlctl doctor " +
                                      profile_of_unit(units.front()));
  if (!has_changed_files(reply.message, enabling)) return;
  Reply read;
  if (sd_bus_call_method(bus_.get(), k_name, k_path, k_interface, "Reload", &read.error,
                         &read.message, "") < 0)
    throw Failure(k_exit_failure, "the user manager does not read its files again: " + read.why() +
                                      "; see pmlctl doctor " + profile_of_unit(units.front()));
}

bool Manager::is_outdated(const std::string& unit) {
  const std::string path = unit_path(unit);
  int outdated = 0;
  if (!path.empty())
    sd_bus_get_property_trivial(bus_.get(), k_name, path.c_str(), "org.freedesktop.systemd1.Unit",
                                "NeedDaemonReload", nullptr, 'b', &outdated);
  return outdated != 0;
}

void Manager::reset_failed(const std::string& unit) noexcept {
  sd_bus_call_method(bus_.get(), k_name, k_path, k_interface, "ResetFailedUnit", nullptr, nullptr,
                     "s", unit.c_str());
}

}  // namespace pml::ctl
