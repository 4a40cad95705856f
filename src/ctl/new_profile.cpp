// pmlctl profile new --venv FOLDER: a pool for a virtual environment.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/python_abi.hpp"
#include "base/venv.hpp"
#include "ctl/command.hpp"
#include "ctl/files.hpp"
#include "ctl/manager.hpp"
#include "ctl/python_facts.hpp"
#include "ctl/toml_text.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr const char* k_mark = "# written by pmlctl profile new\n";

std::string folder_of(const std::string& word) {
  std::error_code error;
  const fs::path folder = fs::canonical(word, error);
  if (error || !fs::exists(folder / "pyvenv.cfg", error))
    throw Failure(base::k_exit_config,
                  word + " is no virtual environment; make it with: python3 -m venv " + word);
  return folder.string();
}

void require_module(const std::string& python) {
  const auto facts = facts_of(python);
  if (!facts)
    throw Failure(base::k_exit_config, python + " cannot be executed; make the environment anew");
  if (const auto why = base::unserved_abi(facts->abi))
    throw Failure(base::k_exit_config, python + " " + *why);
  if (facts->module().empty())
    throw Failure(base::k_exit_config, "pml was not built for " + python +
                                           "; make its module: pmlctl python add " + python);
}

std::string profile_text(const std::string& folder, const std::vector<std::string>& preload) {
  return k_mark + ("description = " + toml_text("the environment " + folder)) +
         "\n[python]\ninterpreter = " + toml_text(folder + "/bin/python") +
         "\n[preload]\nmodules = " + toml_list(preload) +
         "\n[pool]\nworkers = 2\nspare = 1\nidle-exit = \"2h\"\n";
}

void listen(const std::string& name) {
  auto manager = Manager::connect();
  if (!manager) {
    std::printf("No user manager here; start its pool with: pmld --profile %s --daemonize\n",
                name.c_str());
    return;
  }
  manager->enable(socket_unit(name));
  manager->start(socket_unit(name));
  // It may be there already, with the profile that was here before.
  if (manager->active_state(service_unit(name)) == "active") manager->reload(service_unit(name));
}

}  // namespace

int new_profile(const Options& options) {
  if (options.words.front() != "new" || options.venv.empty())
    throw Failure(base::k_exit_usage, "profile takes \"new --venv FOLDER\"; see pmlctl --help");
  const std::string folder = folder_of(options.venv);
  const std::string name = base::venv_profile(folder);
  const std::string file = own_profile_folder() + "/" + name + ".toml";
  std::error_code error;
  if (fs::exists(file, error) && !read_file(file).starts_with(k_mark))
    throw Failure(k_exit_failure, file + " is there already, and not of this command; edit it");
  require_module(folder + "/bin/python");
  write_file(file, profile_text(folder, options.preload));
  std::printf(
      "Written to %s. From that folder, or with the environment active: pml --venv SCRIPT\n",
      file.c_str());
  listen(name);
  return 0;
}

}  // namespace pml::ctl
