#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/files.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/process.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

std::string editor() {
  for (const char* variable : {"VISUAL", "EDITOR"})
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return value;
  for (const char* name : {"editor", "nano", "vi"})
    if (!find_command(name).empty()) return name;
  throw Failure(k_exit_failure, "there is no editor; name one: EDITOR=… pmlctl edit");
}

/// The user's own file of the profile; of one that somebody else has made, a drop-in.
std::string file_to_edit(const std::string& name) {
  const std::string own = own_profile_folder() + "/" + name + ".toml";
  std::error_code error;
  return fs::exists(own, error) ? own : own + ".d/50-own.toml";
}

const char* k_template =
    "# What is set here counts before the profile's own values; lists grow by what they do not "
    "have\n"
    "# yet. pmlctl show tells what is set where, man pml.toml what can be set.\n"
    "\n"
    "#[preload]\n"
    "#modules = [\"json\"]\n";

}  // namespace

int edit(const Options& options) {
  const std::string name = profile_of(options);
  require_name(name);
  if (profile::load(name, base::profile_folders()).not_found()) require_profile(name);
  const std::string file = file_to_edit(name);
  const std::string before = read_file(file);
  if (before.empty()) write_file(file, k_template);
  const Outcome outcome = run(
      {{"/bin/sh", "-c", editor() + " \"$0\"", file}, {}, Output::inherit, Output::inherit, false});
  const std::string after = read_file(file);
  if (before.empty() && (after == k_template || after.empty())) {
    std::error_code error;
    fs::remove(file, error);
    remove_empty_folders(fs::path(file).parent_path());
  }
  if (!outcome.good())
    throw Failure(k_exit_failure,
                  "the editor failed; nothing was reloaded. Try again, or with another: "
                  "EDITOR=… pmlctl edit " +
                      name);
  if (after == before || (before.empty() && after == k_template)) {
    require_profile(name);
    std::printf("Nothing was changed.\n");
    return 0;
  }
  require_profile(name);
  Services services;
  if (services.status(name)) {
    reload_pool(services, name, options.wait);
    std::printf("The pool \"%s\" runs with it.\n", name.c_str());
  } else {
    std::printf("Written to %s. Start the pool with: pmlctl start %s\n", file.c_str(),
                name.c_str());
  }
  return 0;
}

}  // namespace pml::ctl
