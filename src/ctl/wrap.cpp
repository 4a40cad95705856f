#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/console_script.hpp"
#include "ctl/files.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/process.hpp"
#include "ctl/service.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/units.hpp"
#include "ctl/wrapped.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr const char* k_mark = "# written by pmlctl wrap\n";
constexpr std::string_view k_prefix = "wrap-";
constexpr std::size_t k_longest_first_line = 250;
constexpr int k_rounds = 3;

struct Original {
  std::string path;
  std::string text;
  std::string interpreter;
};

std::string own_pml() {
  return own_program("pml");
}

Original original_of(const Wrapped& wrapped) {
  if (is_launcher(read_file(wrapped.launcher), wrapped.profile))
    throw Failure(
        k_exit_failure,
        wrapped.name + " is wrapped already; take it back with: pmlctl unwrap " + wrapped.name);
  Original original;
  original.path = find_command(wrapped.name);
  if (original.path.empty())
    throw Failure(k_exit_failure,
                  "there is no command " + wrapped.name + " in PATH; install it first");
  original.text = read_file(original.path);
  const auto first = python_first_line(original.text);
  if (!first)
    throw Failure(k_exit_failure, original.path + " is no Python script, so pml cannot run it");
  if (first->has_options)
    throw Failure(k_exit_failure, original.path +
                                      " gives its interpreter options, which act only while one "
                                      "starts; it cannot start warm");
  original.interpreter = find_command(first->interpreter);
  if (original.interpreter.empty())
    throw Failure(k_exit_failure, "the interpreter of " + original.path + ", " +
                                      first->interpreter + ", is not there; install " +
                                      wrapped.name + " again");
  return original;
}

std::uint64_t fastest(const std::string& interpreter, const std::string& code) {
  std::uint64_t best = ~std::uint64_t{0};
  for (int i = 0; i < k_rounds; ++i) {
    const Outcome outcome =
        run({{interpreter, "-c", code}, {}, Output::discard, Output::discard, true});
    if (!outcome.good()) return 0;
    best = std::min(best, outcome.usec);
  }
  return best;
}

/// The modules that can be imported, and what that costs.
std::uint64_t keep_importable(const Original& original, std::vector<std::string>& modules) {
  const std::uint64_t bare = fastest(original.interpreter, "pass");
  std::uint64_t cost = 0;
  std::erase_if(modules, [&](const std::string& module) {
    const std::uint64_t with = fastest(original.interpreter, "import " + module);
    if (with > bare) cost += with - bare;
    return with == 0;
  });
  return cost;
}

void write_profile(const Wrapped& wrapped, const Original& original,
                   const std::vector<std::string>& modules) {
  write_file(wrapped.profile_file,
             k_mark + ("description = " + toml_text(wrapped.name + ", wrapped")) +
                 "\n[python]\ninterpreter = " + toml_text(original.interpreter) +
                 "\n[preload]\nmodules = " + toml_list(modules) +
                 "\n[pool]\nworkers = 2\nspare = 1\n");
}

void write_launcher(const Wrapped& wrapped, const Original& original) {
  const std::string text = launcher_text(original.text, own_pml(), wrapped.profile);
  if (text.find('\n') > k_longest_first_line || own_pml().find(' ') != std::string::npos)
    throw Failure(k_exit_failure,
                  "the path of pml, " + own_pml() + ", cannot stand in a first line");
  std::error_code error;
  if (original.path == wrapped.launcher) {
    fs::create_directories(fs::path(wrapped.kept).parent_path(), error);
    fs::rename(original.path, wrapped.kept, error);
    if (error) throw Failure(base::k_exit_cant_create, "cannot move " + original.path);
  } else if (fs::exists(wrapped.launcher, error)) {
    throw Failure(k_exit_failure, wrapped.launcher + " is there already; move it away first");
  }
  write_file(wrapped.launcher, text, true);
}

void start_pool_of(const Wrapped& wrapped) {
  Services services;
  if (services.manager()) {
    enable_pool(services, wrapped.profile);
    start_pool(services, wrapped.profile, true);
  } else {
    std::printf("No user manager here; start its pool with: pmlctl start %s\n",
                wrapped.profile.c_str());
  }
}

void stop_pool_of(const Wrapped& wrapped) {
  Services services;
  if (services.manager()) disable_pool(services, wrapped.profile);
  stop_pool(services, wrapped.profile);
}

void restore(const Wrapped& wrapped) {
  std::error_code error;
  if (is_launcher(read_file(wrapped.launcher), wrapped.profile))
    fs::remove(wrapped.launcher, error);
  if (fs::exists(wrapped.kept, error) && !fs::exists(wrapped.launcher, error))
    fs::rename(wrapped.kept, wrapped.launcher, error);
  remove_empty_folders(fs::path(wrapped.kept).parent_path());
}

void forget(const Wrapped& wrapped) {
  std::error_code error;
  if (!read_file(wrapped.profile_file).starts_with(k_mark)) return;
  fs::remove(wrapped.profile_file, error);
  fs::remove_all(wrapped.profile_file + ".d", error);
  remove_empty_folders(fs::path(wrapped.profile_file).parent_path());
}

/// Starts the pool; where that fails, nothing stays wrapped.
void start_pool_or_restore(const Wrapped& wrapped) {
  try {
    start_pool_of(wrapped);
  } catch (const Failure& failure) {
    restore(wrapped);
    stop_pool_of(wrapped);
    forget(wrapped);
    throw Failure(failure.status(), wrapped.name + " is not wrapped: " + failure.what());
  }
}

void wrap_one(const std::string& name) {
  const Wrapped wrapped(name);
  const Original original = original_of(wrapped);
  std::vector<std::string> modules = imported_modules(original.text);
  const std::uint64_t saved = keep_importable(original, modules);
  write_launcher(wrapped, original);
  write_profile(wrapped, original, modules);
  start_pool_or_restore(wrapped);
  std::printf("%s starts warm: %s saves the import of %s, about %s a start.\n", name.c_str(),
              wrapped.launcher.c_str(), modules.empty() ? "nothing" : modules.front().c_str(),
              duration_text(saved).c_str());
  if (find_command(name) != wrapped.launcher)
    std::printf(
        "But %s comes first in PATH. Put the other in front: export PATH=\"%s:$PATH\"; hash -r\n",
        find_command(name).c_str(), fs::path(wrapped.launcher).parent_path().c_str());
}

void unwrap_one(const std::string& name) {
  const Wrapped wrapped(name);
  const bool launched = is_launcher(read_file(wrapped.launcher), wrapped.profile);
  const bool profiled = read_file(wrapped.profile_file).starts_with(k_mark);
  if (!launched && !profiled)
    throw Failure(k_exit_failure, name + " is not wrapped; see pmlctl list");
  restore(wrapped);
  stop_pool_of(wrapped);
  forget(wrapped);
  std::printf("%s is as it was. (A shell may remember where it was: hash -r)\n", name.c_str());
}

/// One that fails does not keep the others from it.
int for_each(const Options& options, void (*act)(const std::string&)) {
  int status = 0;
  for (const std::string& name : options.words) {
    try {
      act(name);
    } catch (const Failure& failure) {
      std::fprintf(stderr, "pmlctl: %s\n", failure.what());
      status = failure.status();
    }
  }
  return status;
}

}  // namespace

void unwrap_all() {
  std::vector<std::string> names;
  for (const profile::Listed& listed : profile::list(base::profile_folders()))
    if (listed.name.starts_with(k_prefix) && read_file(listed.path).starts_with(k_mark))
      names.push_back(listed.name.substr(k_prefix.size()));
  for (const std::string& name : names) unwrap_one(name);
}

Wrapped::Wrapped(const std::string& command) : name(command), profile("wrap-" + command) {
  if (!base::valid_profile_name(profile) || command.find('/') != std::string::npos)
    throw Failure(base::k_exit_usage,
                  "\"" + command + "\" cannot be wrapped; name a command in PATH");
  const std::string home = base::home_folder();
  if (home.empty()) throw Failure(base::k_exit_config, "HOME is not set");
  profile_file = own_profile_folder() + "/" + profile + ".toml";
  launcher = home + "/.local/bin/" + name;
  kept = home + "/.local/share/pml/wrapped/" + name;
}

int wrap(const Options& options) {
  return for_each(options, wrap_one);
}

int unwrap(const Options& options) {
  return for_each(options, unwrap_one);
}

}  // namespace pml::ctl
