#include "service/trial_findings.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "ahead/messages.hpp"
#include "ahead/questions.hpp"

namespace pml::service {

namespace {

using ahead::FactKind;
using std::string_view;

/// The same for all of a user's processes, or compared with every caller anyway.
constexpr std::array<string_view, 18> k_same_for_all = {
    "get_mempolicy", "getuid",    "geteuid", "getgid",      "getegid",      "getresuid",
    "getresgid",     "getgroups", "capget",  "uname",       "sysinfo",      "getrlimit",
    "prlimit64",     "statfs",    "fstatfs", "personality", "rt_sigaction", "connect"};

/// Of pml itself, which looks at times of files.
constexpr string_view k_own_module = "_pml_zygote";

/// What the kernel says there does not change while it runs, or is no more than the clock.
constexpr std::array<string_view, 9> k_lasting = {
    "/sys/devices/system/", "/sys/kernel/mm/", "/proc/sys/vm/",
    "/proc/cpuinfo",        "/proc/meminfo",   "/proc/version",
    "/proc/filesystems",    "/sys/fs/selinux", "/sys/module/"};

/// What the process that runs ahead has in common with its caller from its start. Not its streams
/// and its priority: those are answered to Python alone.
std::optional<FactKind> kind_of(const trial::Asked& asked) {
  if (asked.call == "sched_getaffinity") return FactKind::affinity;
  if (asked.call == "getcwd" || asked.what.find("current folder") != std::string::npos)
    return FactKind::folder;
  return std::nullopt;
}

bool is_lasting(const trial::Asked& asked) {
  return std::any_of(k_lasting.begin(), k_lasting.end(),
                     [&](string_view start) { return asked.path.starts_with(start); }) ||
         std::find(k_same_for_all.begin(), k_same_for_all.end(), asked.call) !=
             k_same_for_all.end();
}

/// False where the answer cannot be compared.
bool add_fact(TrialFindings& findings, const trial::Asked& asked) {
  const auto kind = kind_of(asked);
  if (!kind) return is_lasting(asked);
  findings.facts.push_back({*kind, 0, {}});
  return true;
}

bool add_files(TrialFindings& findings, const trial::Result& result, std::int64_t began) {
  for (const auto* list : {&result.files, &result.folders, &result.missing})
    for (const std::string& path : *list) {
      if (ahead::place_of(path) != ahead::Place::ordinary) continue;
      const ahead::Identity identity = ahead::identity_of(path);
      if (identity.exists ? identity.changed >= began : list != &result.missing) return false;
      if (identity.exists && list == &result.missing) return false;
      findings.files.push_back({path, identity});
    }
  return true;
}

/// Whether it was asked once the trial had gone on with its arguments.
bool is_past_arguments(const std::string& module) {
  return module.starts_with(ahead::k_past_arguments);
}

TrialVerdict stop_before(const std::string& module, const std::string& what) {
  TrialVerdict verdict;
  verdict.stop_before = module.substr(is_past_arguments(module) ? 1 : 0);
  verdict.why = what;
  return verdict;
}

TrialVerdict without(const std::string& why) {
  return stop_before({}, why);
}

/// What was asked of the C library. Nothing is said where all is well.
std::optional<TrialVerdict> add_library(TrialFindings& findings, const trial::Result& result,
                                        std::vector<std::string>& own) {
  bool drew = false;
  for (const trial::AskedLibrary& asked : result.library) {
    if (asked.library.starts_with(k_own_module)) continue;
    if (asked.kind == "variable")
      findings.facts.push_back({FactKind::variable, 0, asked.name});
    else if (asked.kind == "setting")
      return stop_before(asked.module, asked.library + " sets the variable " + asked.name);
    else if (asked.kind == "clock" && is_past_arguments(asked.module))
      return stop_before(asked.module, asked.library + " looks at the clock");
    else if (asked.kind != "clock" && !is_past_arguments(asked.module) &&
             !std::exchange(drew, true))
      own.push_back(asked.module);
  }
  return std::nullopt;
}

/// Lines of the marker's text; false where the program had no stop.
bool read_text(TrialFindings& findings, const std::string& text, std::string& first,
               std::vector<std::string>& made) {
  std::istringstream lines(text);
  std::getline(lines, first);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("tried makes ")) {
      made.push_back(line.substr(12));
    } else if (line.starts_with("tried ")) {
      std::string what = line.substr(6);
      if (std::find(findings.tried.begin(), findings.tried.end(), what) == findings.tried.end())
        findings.tried.push_back(std::move(what));
    }
  return first.starts_with("stops ");
}

}  // namespace

TrialVerdict judge_trial(const trial::Result& result, std::int64_t began,
                         const std::string& arguments) {
  if (result.outcome == trial::Outcome::stopped && result.stop)
    return stop_before(result.stop->module, "compiled code " + result.stop->what);
  if (result.outcome != trial::Outcome::ended)
    return without(std::string("its trial ") + name_of(result.outcome) +
                   (result.text.empty() ? "" : ": " + result.text));
  if (!result.recorded) return without("what compiled code asks cannot be observed here");
  TrialFindings findings;
  findings.arguments = arguments;
  std::string first;
  std::vector<std::string> made;
  if (!read_text(findings, result.text, first, made)) return without("its trial: " + first);
  std::vector<std::string> own;
  // Past its arguments a worker is alone.
  for (const trial::Asked& asked : result.own)
    if (!is_past_arguments(asked.module)) own.push_back(asked.module);
  own.resize(std::min<std::size_t>(own.size(), 1));  // the first; both lists are in order
  if (auto verdict = add_library(findings, result, own)) return *verdict;
  if (std::find(own.begin(), own.end(), std::string()) != own.end())
    return without("something is drawn before the program begins");
  for (const trial::Asked& asked : result.facts)
    if (!add_fact(findings, asked))
      return stop_before(asked.module, "compiled code " + asked.what + " " + asked.path);
  for (const std::string& folder : made)
    for (const std::string& path : result.missing)
      if (path.starts_with(folder)) return without("compiled code looks at a folder that it makes");
  if (!add_files(findings, result, began)) {
    TrialVerdict verdict = without("a file changed during its trial");
    verdict.again = true;
    return verdict;
  }
  findings.template_stops = std::move(own);
  TrialVerdict verdict;
  verdict.findings = std::move(findings);
  return verdict;
}

}  // namespace pml::service
