#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "ctl/command.hpp"
#include "ctl/service.hpp"
#include "ctl/status_view.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

namespace {

std::string jobs_of(Services& services, const std::string& name) {
  Table table({"JOB", "STATE", ">RUNS FOR", "COMMAND"});
  for (const RunningJob& job : services.jobs(name).value_or(std::vector<RunningJob>()))
    table.add({{job.name}, {job.state}, {duration_text(job.seconds * 1000000)}, {job.command}});
  return table.empty() ? "" : "\n" + table.text();
}

}  // namespace

int top(const Options& options) {
  Services services;
  const std::string name = profile_of(options);
  const bool live = ::isatty(STDOUT_FILENO) != 0;
  do {
    const auto status = services.status(name);
    if (!status) throw not_running(services, name);
    const auto memory = memory_of_pool(static_cast<pid_t>(status->number("zygote")));
    const std::string text = status_view(*status, memory) + jobs_of(services, name);
    live ? print_screen(text) : print(text, false);
    if (live) std::this_thread::sleep_for(std::chrono::seconds(1));
  } while (live);
  return 0;
}

}  // namespace pml::ctl
