#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/each.hpp"
#include "ctl/files.hpp"
#include "ctl/json.hpp"
#include "ctl/python_facts.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "profile/draft.hpp"
#include "wire/quirk.hpp"

namespace pml::ctl {

namespace {

using Problems = std::vector<profile::Problem>;

/// Why nothing can be read from there; empty where it can.
std::string unreadable(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return "is a folder; name a file in it";
  if (std::ifstream(path)) return {};
  return std::string("cannot be read: ") + std::strerror(errno);
}

Problems check_file(const std::string& path) {
  if (const std::string why = unreadable(path); !why.empty()) return {{path, 0, 0, why, ""}};
  profile::Draft draft;
  profile::merge_text(path, read_file(path), draft);
  profile::finish(draft);
  return draft.problems;
}

Problems check_installed(const std::string& name) {
  require_name(name);
  const profile::Result result = profile::load(name, base::profile_folders());
  if (result.not_found())
    throw Failure(k_exit_no_such_profile, result.one_line(name) + "; see pmlctl list");
  if (!result.good()) return result.problems;
  const std::string& interpreter = result.profile->interpreter;
  if (facts_of(interpreter)) return {};
  const bool executable = ::access(interpreter.c_str(), X_OK) == 0;
  return {{result.profile->files.empty() ? "" : result.profile->files.front(), 0, 0,
           "the interpreter " + interpreter + " of profile \"" + name + "\" cannot be executed",
           executable ? "it is no Python" : std::strerror(errno)}};
}

bool names_quirks(const std::string& word) {
  return word.ends_with("/quirks");
}

Problems check_quirks(const std::string& path) {
  if (const std::string why = unreadable(path); !why.empty()) return {{path, 0, 0, why, ""}};
  Problems problems;
  for (const wire::BadQuirk& bad : wire::quirk_lines(read_file(path)).bad)
    problems.push_back({path, static_cast<unsigned>(bad.line), 0, bad.sentence, ""});
  return problems;
}

bool names_a_file(const std::string& word) {
  return word.find('/') != std::string::npos || word.ends_with(".toml");
}

Json json_of(const profile::Problem& problem) {
  return {{"file", problem.file},
          {"line", problem.line},
          {"column", problem.column},
          {"message", problem.message},
          {"hint", problem.hint}};
}

}  // namespace

int check(const Options& options) {
  std::vector<std::string> words = options.words;
  if (words.empty() && names_a_pool(options)) words.push_back(profile_of(options));
  if (words.empty()) {
    for (const profile::Listed& listed : profile::list(base::profile_folders()))
      words.push_back(listed.name);
    words.emplace_back(k_quirk_file);
  }
  Problems problems;
  const int status = for_each(words, [&](const std::string& word) {
    const Problems found = names_quirks(word)   ? check_quirks(word)
                           : names_a_file(word) ? check_file(word)
                                                : check_installed(word);
    problems.insert(problems.end(), found.begin(), found.end());
  });
  if (options.json && (status == 0 || !problems.empty())) {
    Json json = Json::array();
    for (const profile::Problem& problem : problems) json.push_back(json_of(problem));
    print_json(json);
  } else {
    for (const profile::Problem& problem : problems)
      std::fprintf(stderr, "%s\n", problem.one_line().c_str());
    if (problems.empty() && status == 0) std::printf("%zu checked, nothing wrong.\n", words.size());
  }
  return problems.empty() ? status : base::k_exit_config;
}

}  // namespace pml::ctl
