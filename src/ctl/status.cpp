#include <ctime>

#include "ctl/command.hpp"
#include "ctl/each.hpp"
#include "ctl/json.hpp"
#include "ctl/on_disk.hpp"
#include "ctl/service.hpp"
#include "ctl/status_view.hpp"
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

}  // namespace

int status(const Options& options) {
  Services services;
  Json all = Json::array();
  std::string text;
  const int status = for_each(wanted(services, options), [&](const std::string& name) {
    const auto answer = services.status(name);
    if (!answer) throw not_running(services, name);
    const auto memory = memory_of_pool(static_cast<pid_t>(answer->number("zygote")));
    Json json = json_of(*answer);
    json["memory"] = json_of(memory);
    json["to_do"] = Json::array();
    text += (text.empty() ? "" : "\n") + status_view(*answer, memory);
    for (const Outdated& item : on_disk(services, name, *answer)) {
      json["to_do"].push_back({{"what", item.what}, {"command", item.command}});
      text += coloured("! ", Colour::warning) + item.line() + "\n";
    }
    all.push_back(std::move(json));
  });
  if (text.empty()) return status;
  if (options.json)
    print_json(all);
  else
    print(text, options.pager);
  return status;
}

}  // namespace pml::ctl
