#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/bench_contender.hpp"
#include "ctl/command.hpp"
#include "ctl/console_script.hpp"
#include "ctl/files.hpp"
#include "ctl/json.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

constexpr unsigned k_default_runs = 20;
constexpr std::size_t k_bar_width = 30;

std::vector<std::string> profiles_of(const Options& options) {
  std::vector<std::string> names = options.profiles;
  if (!options.venv.empty()) names.push_back(profile_of_options(options));
  if (names.empty()) names.push_back(profile_of_options(options));
  return names;
}

/// An installed command is its script; what is none cannot be measured.
std::vector<std::string> program_of(const Options& options) {
  std::vector<std::string> words = options.words;
  if (words[0].starts_with('-')) return words;
  if (!std::filesystem::exists(words[0]))
    if (const std::string path = find_command(words[0]); !path.empty()) words[0] = path;
  if (!may_be_python(read_file(words[0])))
    throw Failure(base::k_exit_usage,
                  words[0] + " is no Python program; name a script, -m MODULE or a Python command");
  return words;
}

std::vector<Contender> contenders_of(const Options& options,
                                     const std::vector<std::string>& profiles) {
  const std::vector<std::string> program = program_of(options);
  const auto loaded = profile::load(profiles.front(), base::profile_folders());
  std::vector<Contender> contenders = {{"python3", {loaded.profile->interpreter}}};
  for (const std::string& name : profiles)
    contenders.push_back({profiles.size() == 1 ? "pml" : "pml -p " + name,
                          {own_program("pml"), "-p", name, "--no-fallback", "--wait"}});
  for (Contender& contender : contenders)
    contender.words.insert(contender.words.end(), program.begin(), program.end());
  return contenders;
}

void progress(unsigned done, unsigned all) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const std::size_t full = k_bar_width * done / all;
  std::string bar;
  for (std::size_t i = 0; i < k_bar_width; ++i) bar += i < full ? "█" : "░";
  std::fprintf(stderr, "\r%s %u of %u", bar.c_str(), done, all);
  if (done == all) std::fputs("\r\033[K", stderr);
}

/// All in turn, so that what disturbs the machine disturbs them alike.
void measure(std::vector<Contender>& contenders, unsigned warmup, unsigned runs) {
  for (unsigned i = 0; i < warmup + runs; ++i) {
    for (Contender& contender : contenders) {
      const std::uint64_t usec =
          run({contender.words, {}, Output::discard, Output::discard, true}).usec;
      if (i >= warmup) contender.times.add(usec);
    }
    progress(i + 1, warmup + runs);
  }
}

std::string table_of(const std::vector<Contender>& contenders) {
  Table table({"", ">BEST", ">MEDIAN", ">95%", ">WORST", "FROM BEST TO WORST"});
  for (const Contender& contender : contenders) {
    const Samples& times = contender.times;
    const std::uint64_t low = times.percentile(0), high = times.percentile(100);
    table.add({{contender.name, Colour::bold},
               {duration_text(low)},
               {duration_text(times.percentile(50))},
               {duration_text(times.percentile(95))},
               {duration_text(high)},
               {bars(times.counts(low, high, 20))}});
  }
  return table.text();
}

std::string verdict(const std::vector<Contender>& contenders) {
  const auto cold = static_cast<double>(contenders.front().times.percentile(50));
  std::string text;
  for (std::size_t i = 1; i < contenders.size(); ++i) {
    const auto warm = static_cast<double>(contenders[i].times.percentile(50));
    const std::string& name = contenders[i].name;
    char line[200];
    if (warm < cold)
      std::snprintf(line, sizeof line, "%s is %.1f times as fast and saves %s a run.\n",
                    name.c_str(), cold / warm,
                    duration_text(static_cast<std::uint64_t>(cold - warm)).c_str());
    else
      std::snprintf(line, sizeof line,
                    "%s saves nothing here; pmlctl suggest shows what to preload.\n", name.c_str());
    text += line;
  }
  return text;
}

/// Before the time is spent. (What is misspelt is no folder to make.)
void require_folder_of(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (folder.empty() || std::filesystem::is_directory(folder)) return;
  throw Failure(base::k_exit_cant_create, "cannot write " + file + ": there is no folder " +
                                              folder.string() + "; make it with: mkdir -p " +
                                              folder.string());
}

Json json_of(const std::vector<Contender>& contenders) {
  Json json = Json::array();
  for (const Contender& contender : contenders)
    json.push_back({{"name", contender.name},
                    {"runs", contender.times.size()},
                    {"min_usec", contender.times.percentile(0)},
                    {"p50_usec", contender.times.percentile(50)},
                    {"p95_usec", contender.times.percentile(95)},
                    {"max_usec", contender.times.percentile(100)}});
  return json;
}

}  // namespace

int bench(const Options& options) {
  const std::vector<std::string> profiles = profiles_of(options);
  for (const std::string& name : profiles) require_profile(name);
  for (const std::string& file : {options.export_json, options.export_markdown})
    require_folder_of(file);
  std::vector<Contender> contenders = contenders_of(options, profiles);
  require_same(
      contenders,
      options.ignore_failure ? "" : "correct it, or measure it all the same with --ignore-failure",
      profiles);
  measure(contenders, options.warmup != 0 ? options.warmup : 1,
          options.runs != 0 ? options.runs : k_default_runs);
  if (!options.export_json.empty()) write_file(options.export_json, json_export_of(contenders));
  if (!options.export_markdown.empty())
    write_file(options.export_markdown, markdown_of(contenders));
  if (options.json)
    print_json(json_of(contenders));
  else
    print(table_of(contenders) + "\n" + verdict(contenders), false);
  return 0;
}

}  // namespace pml::ctl
