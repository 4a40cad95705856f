#include <cstdio>

#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "ctl/service.hpp"

namespace pml::ctl {

int reload(const Options& options) {
  Services services;
  const std::string name = profile_of(options);
  const std::string state = services.service_state(name);
  if (state == "standalone") {
    const auto answer = ask(socket_of(name), "reload");
    if (!answer) throw not_running(services, name);
    if (answer->starts_with("error "))
      throw Failure(base::k_exit_config,
                    "the old pool serves on: " + answer->substr(6, answer->find('\n') - 6) +
                        "; correct it and reload again");
    return 0;
  }
  if (!services.status(name)) throw not_running(services, name);
  services.manager()->reload(service_unit(name));
  const auto status = services.status(name);
  if (const std::string error = status ? status->value("profile-error") : ""; !error.empty())
    throw Failure(base::k_exit_config,
                  "the old pool serves on: " + error + "; correct it and reload again");
  return 0;
}

}  // namespace pml::ctl
