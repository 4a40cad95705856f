// pmlctl adopt and unadopt: a program runs ahead of its callers from now on.
#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/adoption.hpp"
#include "ctl/bench_contender.hpp"
#include "ctl/command.hpp"
#include "ctl/console_script.hpp"
#include "ctl/files.hpp"
#include "ctl/maker.hpp"
#include "ctl/own_profiles.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/process.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/units.hpp"
#include "ctl/wrapped.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_longest_first_line = 250;
constexpr int k_rounds = 3;
constexpr int k_ahead_patience_seconds = 90;

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

void write_launcher(const Adoption& adoption) {
  const std::string launcher = adoption.launcher();
  const std::string text =
      launcher_text(read_file(adoption.original), own_program("pml"), adoption.profile);
  if (text.find('\n') > k_longest_first_line || own_program("pml").find(' ') != std::string::npos)
    throw Failure(k_exit_failure, "the path of pml, " + own_program("pml") +
                                      ", cannot stand in a first line; install pml elsewhere");
  std::error_code error;
  if (adoption.original == launcher) {
    fs::create_directories(fs::path(adoption.kept()).parent_path(), error);
    fs::rename(launcher, adoption.kept(), error);
    if (error)
      throw Failure(base::k_exit_cant_create,
                    "cannot move " + launcher + ": " + unwritten(error.value()));
  } else if (exists(launcher)) {
    throw Failure(k_exit_failure, launcher + " is there already; move it away first");
  }
  write_file(launcher, text, true);
}

/// `modules`: to be imported beforehand, where the program does not run ahead.
void declare(const Adoption& adoption, const std::vector<std::string>& modules = {}) {
  std::string text = mark_of("adopt") + "[program." + toml_text(adoption.name) +
                     "]\nscript = " + toml_text(adoption.script()) + "\nworkers = 1\n";
  if (!modules.empty()) text += "[preload]\noptional = " + toml_list(modules) + "\n";
  write_file(adoption.drop_in(), text);
}

/// As it was before, whatever of it is there.
void take_back(const Adoption& adoption) {
  std::error_code error;
  if (adoption.is_command) {
    if (is_launcher(read_file(adoption.launcher()), adoption.profile))
      fs::remove(adoption.launcher(), error);
    if (exists(adoption.kept()) && !exists(adoption.launcher()))
      fs::rename(adoption.kept(), adoption.launcher(), error);
    remove_empty_folders(fs::path(adoption.kept()).parent_path());
  }
  if (maker_of(read_file(adoption.drop_in())) == "adopt") fs::remove(adoption.drop_in(), error);
  remove_empty_folders(fs::path(adoption.drop_in()).parent_path());
  Services services;
  if (services.status(adoption.profile)) reload_pool(services, adoption.profile, false);
}

/// With the declaration, and warm.
void set_up_pool(const Adoption& adoption) {
  Services services;
  if (services.status(adoption.profile)) {
    reload_pool(services, adoption.profile, true);
    return;
  }
  if (services.manager()) enable_pool(services, adoption.profile);
  start_pool(services, adoption.profile, true);
}

Contender cold_of(const Adoption& adoption, const std::vector<std::string>& arguments) {
  Contender contender{"python3", {adoption.interpreter, adoption.script()}};
  contender.words.insert(contender.words.end(), arguments.begin(), arguments.end());
  return contender;
}

Contender warm_of(const Adoption& adoption, const std::vector<std::string>& arguments) {
  Contender contender{"pml",
                      {own_program("pml"), "-p", adoption.profile, "--no-fallback", "--wait"}};
  contender.words.push_back(adoption.script());
  contender.words.insert(contender.words.end(), arguments.begin(), arguments.end());
  return contender;
}

/// What the program can be tried with; nothing where it must not be run unasked, or does not end
/// well.
std::optional<std::vector<std::string>> trial_arguments(const Adoption& adoption,
                                                        const Options& options) {
  using Words = std::vector<std::string>;
  if (!options.arguments.empty()) return options.arguments;
  if (!adoption.is_command) {
    const bool may =
        options.yes || (can_ask() && agreed("Run " + adoption.original +
                                                " a few times, to prove that it is the same "
                                                "cold and warm?",
                                            false));
    return may ? std::optional(Words()) : std::nullopt;
  }
  for (const char* harmless : {"--version", "--help"})
    if (watched(cold_of(adoption, {harmless})).wait_status == 0) return Words{harmless};
  return std::nullopt;
}

std::uint64_t fastest(const Contender& contender) {
  std::uint64_t best = ~std::uint64_t{0};
  for (int i = 0; i < k_rounds; ++i)
    best = std::min(best, run({contender.words, {}, Output::discard, Output::discard, true}).usec);
  return best;
}

/// Has the service run it ahead, now that it knows a caller; returns why it does not, or nothing.
std::string run_ahead(const Adoption& adoption) {
  const auto answer =
      ask(socket_of(adoption.profile), "ahead " + adoption.name, k_ahead_patience_seconds);
  if (!answer) return "the service did not answer in time";
  if (answer->starts_with("ready")) return {};
  const std::string line = answer->substr(0, answer->find('\n'));
  return line.starts_with("error ") ? line.substr(6) : line;
}

void prove(const Adoption& adoption, const std::vector<std::string>& arguments) {
  const Contender cold = cold_of(adoption, arguments), warm = warm_of(adoption, arguments);
  const std::string remedy = "correct it, or name arguments with which it does not: pmlctl adopt " +
                             (adoption.is_command ? adoption.name : adoption.original) +
                             " -- ARGUMENT...";
  require_same({cold, warm}, remedy, {adoption.profile});
  const std::string why_not = run_ahead(adoption);
  if (const auto modules = imported_modules(read_file(adoption.script()));
      !why_not.empty() && !modules.empty()) {
    declare(adoption, modules);
    set_up_pool(adoption);
  }
  require_same({cold, warm}, remedy, {adoption.profile});
  const std::uint64_t before = fastest(cold), after = fastest(warm);
  // The next start is the user's: a worker waits for it.
  if (why_not.empty()) (void)run_ahead(adoption);
  std::printf("%s: the same cold and warm; %s with python3, %s with pml.\n", adoption.name.c_str(),
              duration_text(before).c_str(), duration_text(after).c_str());
  if (!why_not.empty())
    std::printf("It does not run ahead, but its modules are warm: %s\n", why_not.c_str());
}

void tell_how_to_start(const Adoption& adoption) {
  if (!adoption.is_command) {
    std::printf("Start it with: pml -p %s %s\n", adoption.profile.c_str(),
                adoption.original.c_str());
    return;
  }
  if (const std::string first = find_command(adoption.name); first != adoption.launcher())
    std::printf(
        "But %s comes first in PATH. Put the other in front: export PATH=\"%s:$PATH\"; "
        "hash -r\n",
        first.c_str(), fs::path(adoption.launcher()).parent_path().c_str());
}

void adopt_program(const std::string& word, const Options& options) {
  const std::string name = program_name(word);
  if (find_adopted(name) || is_wrapped(name))
    throw Failure(k_exit_failure,
                  name + " is adopted already; take it back with: pmlctl unadopt " + name);
  const Adoption adoption = adoption_of(word);
  if (exists(adoption.drop_in()))
    throw Failure(
        k_exit_failure,
        adoption.drop_in() + " is there already, and not of this command; rename it first");
  ensure_profile(adoption.profile, adoption.interpreter);
  try {
    if (adoption.is_command) write_launcher(adoption);
    declare(adoption);
    set_up_pool(adoption);
    if (const auto arguments = trial_arguments(adoption, options))
      prove(adoption, *arguments);
    else
      std::printf("%s is adopted; it runs ahead from its second start on.\n",
                  adoption.name.c_str());
  } catch (const Failure& failure) {
    take_back(adoption);
    throw Failure(failure.status(), adoption.name + " is not adopted: " + failure.what());
  }
  tell_how_to_start(adoption);
}

void adopt_folder(const std::string& word) {
  const std::string venv = require_venv(word);
  const std::string python = venv + "/bin/python3";
  const std::string name = profile_of_python(python);
  ensure_profile(name, python);
  Services services;
  if (services.manager()) enable_pool(services, name);
  start_pool(services, name, true);
  std::printf(
      "%s has a warm pool, \"%s\". With the environment active: pml SCRIPT; else from its "
      "folder: pml --venv SCRIPT\n",
      venv.c_str(), name.c_str());
}

/// The names by which scripts ask for a Python.
std::string python_link() {
  const std::string home = base::home_folder();
  if (home.empty()) throw Failure(base::k_exit_config, "HOME is not set; set it");
  return home + "/.local/bin/python3";
}

bool is_own_link(const std::string& link) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(link, error)) &&
         fs::equivalent(link, own_program("pml"), error) && !error;
}

int adopt_all() {
  const std::string link = python_link();
  if (is_own_link(link))
    throw Failure(k_exit_failure,
                  link + " is pml already; take it back with: pmlctl unadopt --all");
  if (exists(link)) throw Failure(k_exit_failure, link + " is there already; move it away first");
  std::error_code error;
  fs::create_directories(fs::path(link).parent_path(), error);
  fs::create_symlink(own_program("pml"), link, error);
  if (error)
    throw Failure(base::k_exit_cant_create,
                  "cannot make " + link + ": " + unwritten(error.value()));
  Services services;
  if (services.manager()) enable_pool(services, "default");
  start_pool(services, "default", true);
  std::printf("%s is pml: what asks env for python3 starts warm.\n", link.c_str());
  if (find_command("python3") != link)
    std::printf(
        "But %s comes first in PATH. Put the other in front: export PATH=\"%s:$PATH\"; "
        "hash -r\n",
        find_command("python3").c_str(), fs::path(link).parent_path().c_str());
  return 0;
}

int unadopt_all() {
  const std::string link = python_link();
  std::error_code error;
  if (!fs::exists(fs::symlink_status(link, error)))
    throw Failure(k_exit_failure,
                  "python3 is not adopted; pmlctl profile list shows what was made");
  if (!is_own_link(link))
    throw Failure(k_exit_failure, link + " is not pml's; pmlctl profile list shows what was made");
  fs::remove(link, error);
  std::printf("%s is gone. (A shell may remember where it was: hash -r)\n", link.c_str());
  return 0;
}

void unadopt_program(const std::string& word) {
  const std::string name = program_name(word);
  const auto adoption = find_adopted(name);
  if (!adoption) {
    unwrap_one(name);
    return;
  }
  take_back(*adoption);
  std::printf("%s is as it was.%s\n", name.c_str(),
              adoption->is_command ? " (A shell may remember where it was: hash -r)" : "");
}

template <typename Act>
int for_each(const Options& options, Act act) {
  int status = 0;
  for (const std::string& word : options.words) {
    try {
      act(word);
    } catch (const Failure& failure) {
      std::fprintf(stderr, "pmlctl: %s\n", failure.what());
      status = failure.status();
    }
  }
  return status;
}

void require_words(const Options& options, const char* verb) {
  if (options.words.empty() == options.all) return;
  throw Failure(base::k_exit_usage,
                std::string(verb) + " takes programs, or --all; see pmlctl help " + verb);
}

}  // namespace

int adopt(const Options& options) {
  require_words(options, "adopt");
  if (options.all) return adopt_all();
  std::error_code error;
  return for_each(options, [&](const std::string& word) {
    fs::is_directory(word, error) ? adopt_folder(word) : adopt_program(word, options);
  });
}

int unadopt(const Options& options) {
  require_words(options, "unadopt");
  if (options.all) return unadopt_all();
  return for_each(options, unadopt_program);
}

void unadopt_everything() {
  if (is_own_link(python_link())) unadopt_all();
  for (const Adoption& adoption : adopted()) {
    take_back(adoption);
    std::printf("%s is as it was.\n", adoption.name.c_str());
  }
  for (const std::string& name : wrapped_names()) unwrap_one(name);
}

}  // namespace pml::ctl
