#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/paths.hpp"
#include "base/python_abi.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
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
};

/// What a person can do about programs that step aside for this reason.
std::string remedy_of(const std::string& reason) {
  static const std::map<std::string, std::string> k_remedies = {
      {"warming-up",
       "have the pool warm from the start of the session, see pml@.service(8); or pml --wait"},
      {"overloaded", "raise pool.max-queue, pool.max-jobs or pool.workers in the profile"},
      {"stopping", "start the service again"},
      {"protocol",
       "restart the service, it is older or newer than pml: systemctl --user restart 'pml@*'"},
      {"malformed", "something else than pml talks to the socket; see pml-protocol(7)"},
      {"other-user", "start a service as that user"},
      {"other-namespace", "inside containers and sandboxes python3 is right; or run pmld in there"},
      {"confined", "callers under seccomp or no_new_privs get python3; or run pmld in there"},
      {"traced", "python3 is what strace and debuggers should see; nothing to do"},
      {"option", "options such as -O or -I act only while an interpreter starts; leave them out"},
      {"environment", "unset the variable, or give the pool the same value in [python.env]"},
      {"shadowed", "rename the file, or do not preload the module of that name"},
      {"context", "PML_TRACE=1 pml … names the limit that cannot be handed over"},
      {"stale", "nothing: a new pool is made after each change of a file"},
      {"broken", "journalctl --user says why the interpreter does not start"},
      {"terminal", "PML_TRACE=1 pml … shows more"}};
  const auto found = k_remedies.find(reason);
  return found != k_remedies.end() ? found->second
                                   : "pml(1) explains it; PML_TRACE=1 pml … shows it";
}

class Examination {
 public:
  explicit Examination(std::string name) : name_(std::move(name)) {}

  std::vector<Finding> run() {
    look_at_manager();
    look_at_folder();
    look_at_profile();
    look_at_service();
    look_at_environment();
    return std::move(findings_);
  }

 private:
  void add(Health health, std::string text, std::string remedy = {}) {
    findings_.push_back({health, std::move(text), std::move(remedy)});
  }

  void look_at_manager() {
    auto& manager = services_.manager();
    if (!manager) {
      add(Health::warning, "no user manager can be reached",
          "log in through a session with systemd, or: pmld --profile " + name_ + " --daemonize");
      return;
    }
    add(Health::good, "the user manager runs");
    const std::string unit = socket_unit(name_);
    const bool listening = manager->active_state(unit) == "active";
    const std::string enabled = manager->file_state(unit);
    if (enabled.empty()) {
      add(Health::bad, "the units are not installed", "install pml again");
    } else if (!listening) {
      add(Health::warning, unit + " is not listening", "systemctl --user start " + unit);
    } else {
      add(Health::good, unit + " is listening");
    }
    if (!enabled.empty() && enabled != "enabled")
      add(Health::warning, unit + " is not enabled: it is gone after the next login",
          "systemctl --user enable " + unit);
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
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0)
      add(Health::warning, folder + " is not there: no service has been started yet");
    else if (status.st_uid != ::geteuid() || (status.st_mode & 0022) != 0)
      add(Health::bad, folder + " can be written by others, or is not yours",
          "chmod 0700 " + folder);
    else
      add(Health::good, folder + " is yours alone");
  }

  void look_at_profile() {
    const profile::Result result = profile::load(name_, base::profile_folders());
    if (!result.good()) {
      add(Health::bad, result.one_line(name_),
          result.not_found() ? "pmlctl list shows those there are" : "correct it; pmlctl check");
      return;
    }
    interpreter_ = result.profile->interpreter;
    add(Health::good, "profile \"" + name_ + "\" is good");
    look_at_interpreter();
  }

  void look_at_interpreter() {
    const auto facts = facts_of(interpreter_);
    if (!facts) {
      add(Health::bad, interpreter_ + " cannot be executed", "correct python.interpreter");
      return;
    }
    prefix_ = facts->prefix;
    if (const auto why = base::unserved_abi(facts->abi))
      add(Health::bad, interpreter_ + " " + *why, "correct python.interpreter");
    else if (facts->module().empty())
      add(Health::bad, "pml was not built for " + interpreter_ + " (" + facts->abi + ")",
          "pmlctl python add " + interpreter_ +
              ", or build pml with -Dinterpreters=" + interpreter_);
    else
      add(Health::good, interpreter_ + " has pml's module");
  }

  void look_at_service() {
    if (services_.asleep(name_)) {
      add(Health::good, "the service sleeps; the first program starts it, and runs cold");
      return;
    }
    const auto status = services_.status(name_);
    if (!status) {
      add(Health::warning, "the service does not run", not_running(services_, name_).what());
      return;
    }
    const std::string state = status->value("state");
    add(state == "warm" ? Health::good : Health::warning, "the service is " + state,
        state == "warm" ? "" : "journalctl --user -u " + service_unit(name_));
    if (status->value("interpreter") != interpreter_ && !interpreter_.empty())
      add(Health::warning, "the service runs " + status->value("interpreter"),
          "pmlctl reload " + name_);
    for (const auto& [module, why] : status->failed)
      add(Health::warning, std::string("preload ").append(module).append(" failed: ").append(why),
          "remove it from the profile, or install it");
    for (const auto& [module, why] : status->quarantined)
      add(Health::bad,
          std::string("preload ").append(module).append(" is quarantined: ").append(why),
          "remove it from preload.modules, or correct it; pmlctl reload " + name_);
    for (const auto& [reason, count] : status->refused)
      add(Health::warning,
          std::to_string(count) + (count == 1 ? " program" : " programs") +
              " stepped aside: " + reason,
          remedy_of(reason));
    if (const std::string last = last_refusal_text(*status); !last.empty())
      add(Health::good, "the last one to step aside: " + last);
  }

  void look_at_environment() {
    const char* venv = std::getenv("VIRTUAL_ENV");
    if (venv != nullptr && !prefix_.empty() && prefix_ != venv)
      add(Health::warning,
          std::string("a virtual environment is active, ") + venv +
              ", and the profile's interpreter belongs to " + prefix_,
          "pmlctl profile new --venv " + std::string(venv) + ", then: pml --venv SCRIPT");
    const char* off = std::getenv("PML");
    if (off != nullptr && std::string(off) == "0")
      add(Health::warning, "PML=0 is set: pml executes python3 at once", "unset PML");
  }

  std::string name_;
  std::string interpreter_;
  std::string prefix_;
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

}  // namespace

int doctor(const Options& options) {
  const std::vector<Finding> findings = Examination(profile_of(options)).run();
  bool bad = false;
  std::string text;
  Json json = Json::array();
  for (const Finding& finding : findings) {
    bad = bad || finding.health == Health::bad;
    text += line_of(finding);
    json.push_back({{"health", name_of(finding.health)},
                    {"finding", finding.text},
                    {"remedy", finding.remedy}});
  }
  if (options.json)
    print_json(json);
  else
    print(text, options.pager);
  return bad ? k_exit_failure : 0;
}

}  // namespace pml::ctl
