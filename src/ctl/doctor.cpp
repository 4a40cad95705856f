#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>

#include "base/paths.hpp"
#include "base/python_abi.hpp"
#include "base/remedy.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/on_disk.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/process.hpp"
#include "ctl/python_facts.hpp"
#include "ctl/service.hpp"
#include "ctl/status_view.hpp"
#include "ctl/table.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

enum class Health { good, warning, bad };

struct Finding {
  Health health;
  std::string text;
  std::string remedy;
  /// Does what `remedy` says, where that ends no program and changes no file of the user's.
  std::function<void()> mend = {};
};

class Examination {
 public:
  explicit Examination(std::string name) : name_(std::move(name)) {}

  std::vector<Finding> run() {
    // What was named by its socket has no units, and need not have a profile.
    const bool by_socket = name_.find('/') != std::string::npos;
    if (!by_socket && is_hopeless()) {
      look_at_profile();
      look_at_environment();
      return std::move(findings_);
    }
    if (!by_socket) look_at_manager();
    look_at_folder();
    look_at_trials();
    look_at_profile();
    try {
      look_at_service();
    } catch (const Denied& denied) {
      add(Health::bad, denied.what(), "programs that are started from here run cold");
    }
    look_at_environment();
    return std::move(findings_);
  }

 private:
  void add(Health health, std::string text, std::string remedy = {},
           std::function<void()> mend = {}) {
    findings_.push_back({health, std::move(text), std::move(remedy), std::move(mend)});
  }

  /// No pool can be of this profile, and none is: whatever else is missing does not matter yet.
  bool is_hopeless() {
    if (profile::load(name_, base::profile_folders()).good()) return false;
    try {
      return !base::valid_profile_name(name_) || services_.service_state(name_) == "inactive";
    } catch (const Denied&) {
      return false;
    }
  }

  void look_at_manager() {
    auto& manager = services_.manager();
    if (!manager) {
      add(Health::warning, "no user manager can be reached",
          "log in through a session with systemd, or: pmlctl start " + name_);
      return;
    }
    add(Health::good, "the user manager runs");
    const std::string unit = socket_unit(name_);
    const bool listening = manager->active_state(unit) == "active";
    const std::string enabled = manager->file_state(unit);
    if (enabled.empty()) {
      add(Health::bad, "the units are not installed", "install pml again");
    } else if (!listening) {
      add(Health::warning, unit + " is not listening", "pmlctl start " + name_,
          [this] { start_pool(services_, name_, true); });
    } else {
      add(Health::good, unit + " is listening");
    }
    if (!enabled.empty() && enabled != "enabled")
      add(Health::warning, unit + " is not enabled: it is gone after the next login",
          "pmlctl enable " + name_, [this] { enable_pool(services_, name_); });
    else if (!enabled.empty() && manager->file_state(service_unit(name_)) != "enabled")
      add(Health::warning, "the first program after a login runs cold: only the socket is enabled",
          "pmlctl enable " + name_, [this] { enable_pool(services_, name_); });
    look_at_linger();
  }

  void look_at_linger() {
    const char* user = std::getenv("USER");
    std::error_code error;
    if (user == nullptr) return;
    if (!std::filesystem::exists(std::string("/var/lib/systemd/linger/") + user, error))
      add(Health::good, "no linger: pools end with the last session (loginctl enable-linger)");
    else
      add(Health::good, "linger is on: pools outlive the session");
  }

  void look_at_folder() {
    const std::string folder = base::runtime_folder() + "/pml";
    struct stat status = {};
    const bool is_named = std::getenv("XDG_RUNTIME_DIR") != nullptr;
    if (is_named && ::stat(base::runtime_folder().c_str(), &status) != 0)
      add(Health::bad, base::runtime_folder() + ", which XDG_RUNTIME_DIR names, is not there",
          "log in again, or unset XDG_RUNTIME_DIR");
    else if (::stat(folder.c_str(), &status) != 0)
      add(Health::warning, folder + " is not there: no service has been started yet",
          "pmlctl start " + name_);
    else if (status.st_uid == ::geteuid() && (status.st_mode & 0022) != 0)
      add(Health::bad, folder + " can be written by others", "chmod 0700 " + folder,
          [folder] { ::chmod(folder.c_str(), 0700); });
    else if (status.st_uid != ::geteuid())
      add(Health::bad, folder + " is not yours, so pml trusts no socket in it",
          "have its owner remove it, then: pmlctl start " + name_);
    else
      add(Health::good, folder + " is yours alone");
  }

  void look_at_profile() {
    if (name_.find('/') != std::string::npos) return;
    const profile::Result result = profile::load(name_, base::profile_folders());
    if (result.not_found() && is_of_active_venv()) {
      const char* const venv = std::getenv("VIRTUAL_ENV");
      add(Health::warning, "the active virtual environment has no pool: its programs run cold",
          "pmlctl profile new --venv " + std::string(venv != nullptr ? venv : ""));
      return;
    }
    if (!result.good()) {
      const bool none = result.not_found() || !base::valid_profile_name(name_);
      add(Health::bad, result.one_line(name_),
          !result.masked_by.empty() ? "rm " + result.masked_by
          : none                    ? "pmlctl list shows those there are"
                                    : "pmlctl edit " + name_);
      return;
    }
    interpreter_ = result.profile->interpreter;
    add(Health::good, "profile \"" + name_ + "\" is good");
    look_at_interpreter();
  }

  void look_at_interpreter() {
    const auto facts = facts_of(interpreter_);
    if (!facts) {
      add(Health::bad, interpreter_ + " is no Python that can be executed",
          "correct python.interpreter: pmlctl edit " + name_);
      return;
    }
    if (const auto why = base::unserved_abi(facts->abi))
      add(Health::bad, interpreter_ + " " + *why,
          "correct python.interpreter: pmlctl edit " + name_);
    else if (facts->module().empty())
      add(Health::bad, "pml was not built for " + interpreter_ + " (" + facts->abi + ")",
          "pmlctl python add " + interpreter_);
    else
      add(Health::good, interpreter_ + " has pml's module");
  }

  void look_at_service() {
    if (services_.service_state(name_) == "failed") {
      const std::string why = services_.manager()->status_text(service_unit(name_));
      add(Health::bad, "the service has failed" + (why.empty() ? "" : ": " + why),
          "pmlctl logs " + name_ + " says more; then: pmlctl restart " + name_);
      return;
    }
    if (services_.asleep(name_)) {
      add(Health::good, "the service sleeps; the first program starts it, and runs cold");
      return;
    }
    const auto status = services_.status(name_);
    if (!status) {
      const std::string why = not_running(services_, name_).what();
      const std::size_t remedy = std::min(why.rfind("; "), why.size());
      add(services_.listens(name_) ? Health::bad : Health::warning, why.substr(0, remedy),
          why.substr(std::min(remedy + 2, why.size())));
      return;
    }
    const std::string state = status->value("state");
    add(state == "warm" ? Health::good : Health::warning, "the service is " + state,
        state == "warm" ? "" : "pmlctl logs " + name_);
    for (const Outdated& item : on_disk(services_, name_, *status))
      add(Health::warning, item.what, item.command,
          item.reload ? std::function<void()>([this] { reload_pool(services_, name_, true); })
                      : std::function<void()>());
    for (const auto& [module, why] : status->failed)
      add(Health::warning, std::string("preload ").append(module).append(" failed: ").append(why),
          "install it, or remove it from the profile: pmlctl edit " + name_);
    for (const auto& [module, why] : status->quarantined)
      add(Health::bad,
          std::string("preload ").append(module).append(" is quarantined: ").append(why),
          "correct it, or remove it from preload.modules: pmlctl edit " + name_);
    for (const auto& [reason, count] : status->refused)
      add(Health::warning,
          std::to_string(count) + (count == 1 ? " program" : " programs") +
              " stepped aside: " + reason,
          base::remedy_of(reason, detail_of(*status, reason), name_));
    if (const std::string last = last_refusal_text(*status); !last.empty())
      add(Health::good, "the last one to step aside: " + last);
  }

  /// Where all is well there is nothing to tell.
  void look_at_trials() {
    const Outcome outcome = ctl::run({.words = {PML_HELPERDIR "/pml-trial", "--check"},
                                      .out = Output::discard,
                                      .err = Output::keep,
                                      .null_input = true});
    if (outcome.good()) return;
    std::string why = outcome.standard_error.substr(0, outcome.standard_error.find('\n'));
    constexpr std::string_view k_name = "pml-trial: ";
    if (why.starts_with(k_name)) why.erase(0, k_name.size());
    add(Health::warning, "programs run ahead no further than to compiled code: " + why,
        "see that processes may observe their children (ptrace)");
  }

  [[nodiscard]] bool is_of_active_venv() const {
    return std::getenv("VIRTUAL_ENV") != nullptr && name_ == profile_of_options({}) &&
           name_ != "default";
  }

  /// What was said of the last one that stepped aside, if that was for `reason`.
  static std::string detail_of(const ServiceStatus& status, const std::string& reason) {
    return status.value("last-refused").starts_with(reason + " ")
               ? status.value("last-refused-detail")
               : "";
  }

  void look_at_environment() {
    const char* off = std::getenv("PML");
    if (off != nullptr && std::string(off) == "0")
      add(Health::warning, "PML=0 is set: pml executes python3 at once", "unset PML");
  }

  std::string name_;
  std::string interpreter_;
  Services services_;
  std::vector<Finding> findings_;
};

const char* name_of(Health health) noexcept {
  return health == Health::good ? "good" : health == Health::warning ? "warning" : "bad";
}

std::string line_of(const Finding& finding) {
  const Colour colour = finding.health == Health::good      ? Colour::good
                        : finding.health == Health::warning ? Colour::warning
                                                            : Colour::bad;
  const char* mark = finding.health == Health::good      ? "✓"
                     : finding.health == Health::warning ? "!"
                                                         : "✗";
  std::string text = coloured(mark, colour) + " " + finding.text + "\n";
  if (!finding.remedy.empty()) text += "    → " + finding.remedy + "\n";
  return text;
}

/// Does what is safe; true where anything was.
bool mend(const std::vector<Finding>& findings) {
  std::set<std::string> done;
  for (const Finding& finding : findings) {
    if (!finding.mend || !done.insert(finding.remedy).second) continue;
    std::printf("%s\n", finding.remedy.c_str());
    try {
      finding.mend();
    } catch (const Failure& failure) {
      std::fprintf(stderr, "pmlctl: %s\n", failure.what());
    }
  }
  return !done.empty();
}

}  // namespace

int doctor(const Options& options) {
  Examination examination(profile_of(options));
  const std::vector<Finding> findings = examination.run();
  if (options.fix && mend(findings)) {
    std::printf("\n");
    Options again = options;
    again.fix = false;
    return doctor(again);
  }
  bool bad = false;
  std::string text;
  Json json = Json::array();
  for (const Finding& finding : findings) {
    bad = bad || finding.health == Health::bad;
    text += line_of(finding);
    json.push_back({{"health", name_of(finding.health)},
                    {"finding", finding.text},
                    {"remedy", finding.remedy},
                    {"safe", static_cast<bool>(finding.mend)}});
  }
  if (options.json)
    print_json(json);
  else
    print(text, options.pager);
  return bad ? k_exit_failure : 0;
}

}  // namespace pml::ctl
