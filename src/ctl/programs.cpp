// pmlctl programs and forget: what runs ahead of its callers.
#include <cstdio>

#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "ctl/completion.hpp"
#include "ctl/each.hpp"
#include "ctl/json.hpp"
#include "ctl/program_list.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"

namespace pml::ctl {

namespace {

std::vector<std::string> wanted(Services& services, const Options& options) {
  if (!options.words.empty()) return options.words;
  if (names_a_pool(options)) return {profile_of(options)};
  std::vector<std::string> running;
  for (const std::string& name : services.names())
    if (services.status(name)) running.push_back(name);
  if (running.empty()) running.push_back(profile_of(options));
  return running;
}

std::vector<ProgramLine> programs_of(Services& services, const std::string& name) {
  const auto answer = services.asleep(name) ? std::nullopt : ask(socket_of(name), "programs");
  if (!answer) throw not_running(services, name);
  return parse_programs(*answer);
}

}  // namespace

int programs(const Options& options) {
  Services services;
  Json all = Json::array();
  std::string text;
  bool any = false;
  const int status = for_each(wanted(services, options), [&](const std::string& name) {
    const auto found = programs_of(services, name);
    any = true;
    for (const ProgramLine& program : found) {
      all.push_back(*program.json);
      all.back()["profile"] = name;
    }
    if (!found.empty())
      text +=
          (text.empty() ? "" : "\n") + coloured(name, Colour::bold) + "\n" + programs_table(found);
  });
  if (!any) return status;
  if (options.json)
    print_json(all);
  else
    print(text.empty() ? "No program runs ahead yet; one that is started three times a day is "
                         "learned, or: pmlctl adopt PROGRAM\n"
                       : text,
          options.pager);
  return status;
}

int forget(const Options& options) {
  if (options.words.empty() != options.all)
    throw Failure(base::k_exit_usage,
                  "forget takes the name of a program, or --all; pmlctl programs "
                  "shows them");
  Services services;
  const bool one = names_a_pool(options);
  const auto names = one ? std::vector{profile_of_options(options)} : services.names();
  const std::string request = options.all ? "forget" : "forget " + options.words.front();
  bool done = false;
  for (const std::string& name : names) {
    const auto answer = services.asleep(name) ? std::nullopt : ask(socket_of(name), request);
    if (!answer && (one || services.listens(name))) throw not_running(services, name);
    done = (answer && answer->starts_with("done")) || done;
  }
  if (!done && !options.all)
    throw Failure(k_exit_failure, "no pool knows a program \"" + options.words.front() + "\"" +
                                      meant_of(Candidates::programs, options.words.front()) +
                                      "; see pmlctl programs");
  return 0;
}

}  // namespace pml::ctl
