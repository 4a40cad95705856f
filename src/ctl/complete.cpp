// What the shells' completions ask: one candidate a line, nothing where there is none.
#include <cstdio>

#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/process.hpp"
#include "ctl/service.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

constexpr std::string_view k_wrapped = "wrap-";

// Finds the modules below the last dot of what was typed without importing a package.
constexpr const char* k_modules = R"(
import importlib.machinery, pkgutil, sys
path, head = None, ""
for part in sys.argv[1].split(".")[:-1]:
    spec = importlib.machinery.PathFinder.find_spec(head + part, path)
    path, head = list(spec and spec.submodule_search_locations or []), head + part + "."
print(*sorted({head + module.name for module in pkgutil.iter_modules(path)}), sep="\n")
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

std::string profiles(std::string_view prefix) {
  std::string text;
  for (const profile::Listed& listed : profile::list(base::profile_folders()))
    if (listed.name.starts_with(prefix)) text += listed.name.substr(prefix.size()) + "\n";
  return text;
}

std::string running_jobs() {
  Services services;
  std::string text;
  for (const std::string& name : services.names())
    for (const RunningJob& job : services.jobs(name).value_or(std::vector<RunningJob>()))
      text += job.name + "\n";
  return text;
}

}  // namespace

int complete(const Options& options) {
  const std::string& what = options.words.front();
  const std::string typed = options.words.size() > 1 ? options.words[1] : "";
  const std::string profile = profile_of({.profile = options.profile});
  std::string text;
  if (what == "profiles") text = profiles("");
  if (what == "wrapped") text = profiles(k_wrapped);
  if (what == "jobs") text = running_jobs();
  if (what == "modules") text = asked_of_python(profile, k_modules, typed);
  if (what == "entry-points") text = asked_of_python(profile, k_entry_points, typed);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace pml::ctl
