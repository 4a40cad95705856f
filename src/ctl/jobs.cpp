#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

int jobs(const Options& options) {
  Services services;
  const bool one = names_a_pool(options) || !options.words.empty();
  const auto names = one ? std::vector{profile_of(options)} : services.names();
  Json json = Json::array();
  Table table({"PROFILE", "JOB", "STATE", ">RUNS FOR", "COMMAND"});
  for (const std::string& name : names) {
    const auto running = services.jobs(name);
    if (!running && (one || services.listens(name))) throw not_running(services, name);
    for (const RunningJob& job : running.value_or(std::vector<RunningJob>())) {
      json.push_back(json_of(job));
      json.back()["profile"] = name;
      table.add({{name},
                 {job.name, Colour::bold},
                 {job.state},
                 {duration_text(job.seconds * 1000000)},
                 {job.command}});
    }
  }
  if (options.json)
    print_json(json);
  else
    print(table.empty() ? "Nothing runs.\n" : table.text(), options.pager);
  return 0;
}

}  // namespace pml::ctl
