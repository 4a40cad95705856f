// What the shells' completions ask: one candidate a line, a tab and what it is; nothing where there
// is none. "<files>", "<folders>" and "<commands>" stand for what the shell finds by itself.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/paths.hpp"
#include "ctl/adoption.hpp"
#include "ctl/completion.hpp"
#include "ctl/files.hpp"
#include "ctl/process.hpp"
#include "ctl/program_list.hpp"
#include "ctl/service.hpp"
#include "ctl/wrapped.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

constexpr std::array k_signals = {"TERM", "INT", "HUP", "KILL", "STOP", "CONT"};

constexpr const char* k_modules = R"(
import os, pkgutil, sys
package, dot, beginning = sys.argv[1].rpartition(".")
folders = [os.path.join(folder, *package.split(".")) for folder in (sys.path[1:] or ["."])] if dot else None
names = {module.name for module in pkgutil.iter_modules(folders)}
if not dot: names |= set(sys.builtin_module_names)
print(*sorted(package + dot + name for name in names), sep="\n")
)";

constexpr const char* k_entry_points = R"(
import importlib.metadata
found = importlib.metadata.entry_points()
scripts = found.select(group="console_scripts") if hasattr(found, "select") else found.get("console_scripts", ())
print(*sorted({point.name for point in scripts}), sep="\n")
)";

std::string asked_of_python(const std::string& profile, const char* code,
                            const std::string& typed) {
  const auto loaded = profile::load(profile, base::profile_folders());
  if (!loaded.good()) return {};
  return run({{loaded.profile->interpreter, "-c", code, typed},
              {},
              Output::keep,
              Output::discard,
              true})
      .standard_output;
}

std::string profiles() {
  std::string text;
  for (const profile::Listed& listed : profile::list(base::profile_folders()))
    text += listed.name + "\t" + listed.description + "\n";
  return text;
}

std::string own_profiles() {
  std::string text;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(own_profile_folder(), error))
    if (entry.path().extension() == ".toml") text += entry.path().stem().string() + "\n";
  return text;
}

std::string adopted_names() {
  std::string text;
  for (const Adoption& adoption : adopted()) text += adoption.name + "\n";
  for (const std::string& name : wrapped_names()) text += name + "\n";
  return text;
}

std::string program_names() {
  Services services;
  std::string text;
  for (const std::string& name : services.names()) {
    if (services.asleep(name)) continue;
    for (const ProgramLine& program : parse_programs(ask(socket_of(name), "programs").value_or("")))
      text += program.name + "\n";
  }
  return text;
}

std::string running_jobs() {
  Services services;
  std::string text;
  for (const std::string& name : services.names())
    for (const RunningJob& job : services.jobs(name).value_or(std::vector<RunningJob>()))
      text += job.name + "\t" + job.command + "\n";
  return text;
}

std::string signals() {
  std::string text;
  for (const char* name : k_signals) text += std::string(name) + "\n";
  return text;
}

std::string verbs() {
  std::string text;
  for (const std::string_view name : verb_names()) text += std::string(name) + "\n";
  return text;
}

std::string text_of(Candidates candidates, std::size_t position) {
  switch (candidates) {
    case Candidates::profiles:
      return profiles();
    case Candidates::own_profiles:
      return own_profiles();
    case Candidates::jobs:
      return position == 0 ? running_jobs() : signals();
    case Candidates::files:
    case Candidates::program:
      return "<files>\n";
    case Candidates::folders:
      return "<folders>\n";
    case Candidates::profiles_or_files:
      return profiles() + "<files>\n";
    case Candidates::commands:
      return "<commands>\n";
    case Candidates::adoptable:
      return "<commands>\n<files>\n";
    case Candidates::adopted:
      return adopted_names();
    case Candidates::programs:
      return program_names();
    case Candidates::verbs:
      return verbs();
    case Candidates::nothing:
      break;
  }
  return {};
}

/// Of a whole command line.
std::string of_line(const std::vector<std::string>& typed) {
  const Expected next = expected_after(typed);
  if (typed.size() > 1 && typed[typed.size() - 2] == "-m")
    return asked_of_python(next.profile.empty() ? "default" : next.profile, k_modules,
                           typed.back());
  std::string text;
  for (const auto& [word, tells] : next.words)
    text.append(word).append("\t").append(tells).append("\n");
  return text + text_of(next.candidates, next.position);
}

std::string text_of(const Options& options) {
  const std::string& what = options.words.front();
  const std::string typed = options.words.size() > 1 ? options.words[1] : "";
  if (what == "line") return of_line({options.words.begin() + 1, options.words.end()});
  if (what == "profiles") return profiles();
  if (what == "modules") return asked_of_python(profile_of_options(options), k_modules, typed);
  if (what == "entry-points")
    return asked_of_python(profile_of_options(options), k_entry_points, typed);
  return {};
}

}  // namespace

std::string meant_of(Candidates candidates, const std::string& word) {
  const std::string text = text_of(candidates, 0);
  std::vector<std::string_view> names;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    names.push_back(line.substr(0, line.find('\t')));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return meant(word, names);
}

int complete(const Options& options) {
  try {
    std::fputs(text_of(options).c_str(), stdout);
  } catch (const Failure&) {
    // Somebody is typing: there is nothing to be offered.
  }
  return 0;
}

}  // namespace pml::ctl
