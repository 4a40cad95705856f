#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/bench_contender.hpp"
#include "ctl/command.hpp"
#include "ctl/files.hpp"
#include "ctl/import_time.hpp"
#include "ctl/json.hpp"
#include "ctl/own_profiles.hpp"
#include "ctl/process.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/units.hpp"
#include "profile/draft.hpp"

namespace pml::ctl {

namespace {

constexpr std::uint64_t k_least_usec = 500;
constexpr const char* k_drop_in = "50-suggested.toml";

ImportReport measured(const std::string& interpreter, const std::vector<std::string>& words) {
  std::vector<std::string> all = {interpreter, "-X", "importtime"};
  all.insert(all.end(), words.begin(), words.end());
  const Outcome outcome = run({all, {}, Output::inherit, Output::keep, false});
  ImportReport report = parse_import_time(outcome.standard_error);
  std::fputs(report.rest.c_str(), stderr);
  if (!outcome.good())
    throw Failure(k_exit_failure, "the program fails with " + ending_of(outcome.wait_status) +
                                      ", so that nothing can be said about it; correct it first");
  return report;
}

/// The names that the interpreter itself finds, without the program's folder.
std::set<std::string> found_without_program(const std::string& interpreter,
                                            const std::set<std::string>& names) {
  std::vector<std::string> words = {
      interpreter, "-P", "-c",
      "import sys, importlib.util as u\n"
      "for n in sys.argv[1:]:\n"
      "  try:\n    if u.find_spec(n): print(n)\n  except Exception: pass"};
  words.insert(words.end(), names.begin(), names.end());
  const Outcome asked = run({words, {}, Output::keep, Output::discard, true});
  std::set<std::string> found;
  for (std::size_t begin = 0; begin < asked.standard_output.size();) {
    const std::size_t end = asked.standard_output.find('\n', begin);
    found.insert(asked.standard_output.substr(begin, end - begin));
    begin = end == std::string::npos ? end : end + 1;
  }
  return found;
}

/// How many jobs imported each module, as a service has seen it; most often first.
using Seen = std::vector<std::pair<std::string, std::uint64_t>>;

Seen seen_in_service(const std::string& name) {
  Services services;
  const auto answer = services.asleep(name) ? std::nullopt : ask(socket_of(name), "imports");
  if (!answer) throw not_running(services, name);
  if (answer->starts_with("error"))
    throw Failure(k_exit_failure,
                  "profile \"" + name +
                      "\" does not note what its programs import; name one (pmlctl suggest -p " +
                      name + " -- SCRIPT), or set imports = true in its [watch] table");
  Seen seen;
  std::istringstream lines(*answer);
  std::string module;
  for (std::uint64_t count = 0; lines >> module >> count;) seen.emplace_back(module, count);
  std::stable_sort(seen.begin(), seen.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return seen;
}

/// A program that imports these modules and nothing else, each where it can.
std::vector<std::string> program_that_imports(const profile::Profile& profile, const Seen& seen) {
  std::set<std::string> names;
  for (const auto& [module, count] : seen) names.insert(first_part(module));
  const std::set<std::string> found = found_without_program(profile.interpreter, names);
  std::vector<std::string> words = {
      "-c", "import sys\nfor n in sys.argv[1:]:\n  try: __import__(n)\n  except Exception: pass"};
  for (const auto& [module, count] : seen)
    if (found.contains(first_part(module))) words.push_back(module);
  return words;
}

std::vector<Import> candidates(const profile::Profile& profile,
                               const std::vector<std::string>& words) {
  const ImportReport bare = measured(profile.interpreter, {"-c", "pass"});
  const ImportReport report = measured(profile.interpreter, words);
  std::set<std::string> startup, names;
  collect_names(bare.imports, startup);
  collect_first_parts(report.imports, names);
  std::vector<Import> imports = report.imports;
  std::erase_if(imports, [&](const Import& item) { return startup.contains(item.name); });
  return worth_preloading(imports, found_without_program(profile.interpreter, names), k_least_usec);
}

bool is_preloaded(const profile::Profile& profile, const std::string& name) {
  const auto holds = [&](const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& item) {
      return item == name || item.starts_with(name + ".");
    });
  };
  return holds(profile.modules) || holds(profile.optional) || holds(profile.after_fork);
}

profile::Profile profile_to_fill(const Options& options, const std::string& name) {
  require_name(name);
  const profile::Result result = profile::load(name, base::profile_folders());
  if (result.not_found() && options.write) {
    if (const std::string venv = venv_of_options(options); !venv.empty())
      ensure_profile(name, venv + "/bin/python3");
    else
      write_file(own_profile_folder() + "/" + name + ".toml", "# written by pmlctl suggest\n");
    return *profile::load(name, base::profile_folders()).profile;
  }
  require_profile(name);
  return *result.profile;
}

void write_drop_in(const std::string& name, const std::vector<std::string>& modules) {
  const std::string path = own_profile_folder() + "/" + name + ".toml.d/" + k_drop_in;
  // Lists grow from file to file; what an earlier suggestion added stays.
  profile::Draft earlier;
  profile::merge_text(path, read_file(path), earlier);
  std::vector<std::string> all = earlier.profile.modules;
  all.insert(all.end(), modules.begin(), modules.end());
  write_file(path, "# written by pmlctl suggest\n[preload]\nmodules = " + toml_list(all) + "\n");
  std::printf("Written to %s; it takes effect with: pmlctl %s %s\n", path.c_str(),
              Services().status(name) ? "reload" : "start", name.c_str());
}

std::uint64_t jobs_with(const Seen& seen, const std::string& module) {
  const auto found = std::find_if(seen.begin(), seen.end(),
                                  [&](const auto& entry) { return entry.first == module; });
  return found != seen.end() ? found->second : 0;
}

std::string note_of(bool preloaded, std::uint64_t jobs) {
  std::string note = preloaded ? "preloaded already" : "would be saved";
  if (jobs == 0) return note;
  return note + ", imported by " + std::to_string(jobs) + (jobs == 1 ? " program" : " programs");
}

}  // namespace

int suggest(const Options& options) {
  const std::string name = profile_of(options);
  const profile::Profile profile = profile_to_fill(options, name);
  Seen seen;
  std::vector<std::string> program = options.words;
  if (program.empty()) {
    seen = seen_in_service(name);
    program = program_that_imports(profile, seen);
  }
  const std::vector<Import> imports = candidates(profile, program);
  Table table({">TIME", "MODULE", "WITH PROFILE " + name});
  Json json = Json::array();
  std::vector<std::string> modules;
  std::uint64_t saved = 0;
  for (const Import& import : imports) {
    const bool preloaded = is_preloaded(profile, import.name);
    if (!preloaded) modules.push_back(import.name);
    if (!preloaded) saved += import.cumulative_usec;
    const std::uint64_t jobs = jobs_with(seen, import.name);
    table.add({{duration_text(import.cumulative_usec)},
               {import.name, Colour::bold},
               {note_of(preloaded, jobs), preloaded ? Colour::faint : Colour::good}});
    json.push_back(
        {{"module", import.name}, {"usec", import.cumulative_usec}, {"preloaded", preloaded}});
    if (jobs > 0) json.back()["jobs"] = jobs;
  }
  if (options.json)
    print_json(json);
  else if (table.empty())
    print(options.words.empty()
              ? "No program has imported anything else that is worth preloading.\n"
              : "The program imports nothing that is worth preloading.\n",
          false);
  else
    print(table.text() + "\nPreloading saves " + duration_text(saved) + " more a start.\n", false);
  if (modules.empty()) return 0;
  if (options.write)
    write_drop_in(name, modules);
  else if (!options.json)
    print("pmlctl suggest -p " + name + " --write … puts that into the profile.\n", false);
  return 0;
}

}  // namespace pml::ctl
