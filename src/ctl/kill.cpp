#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "ctl/service.hpp"

namespace pml::ctl {

namespace {

/// A word of the text dialect cannot hold what quotes in it.
bool is_plain(const std::string& word) {
  return !word.empty() && word.find_first_of(" '\"\\\n\t") == std::string::npos;
}

}  // namespace

int kill(const Options& options) {
  Services services;
  const std::string& job = options.words.front();
  const std::string signal = options.words.size() > 1 ? options.words[1] : "TERM";
  if (!is_plain(job) || !is_plain(signal))
    throw Failure(base::k_exit_usage,
                  "kill needs a job and perhaps a signal, as in: pmlctl kill 4711-2 INT; pmlctl "
                  "jobs shows jobs");
  const bool one = names_a_pool(options);
  const auto names = one ? std::vector{profile_of_options(options)} : services.names();
  const std::string request = "kill " + job + " " + signal;
  for (const std::string& name : names) {
    if (services.asleep(name)) continue;
    const auto answer = ask(socket_of(name), request);
    if (!answer && (one || services.listens(name))) throw not_running(services, name);
    if (answer && answer->starts_with("done")) return 0;
    if (answer && answer->find("signal") != std::string::npos)
      throw Failure(base::k_exit_usage, "there is no signal " + signal + "; see kill -l");
  }
  throw Failure(k_exit_failure, "there is no job " + job + "; see pmlctl jobs");
}

}  // namespace pml::ctl
