// pmlctl profile list, new and remove.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "base/python_abi.hpp"
#include "base/venv.hpp"
#include "ctl/adoption.hpp"
#include "ctl/command.hpp"
#include "ctl/each.hpp"
#include "ctl/files.hpp"
#include "ctl/json.hpp"
#include "ctl/maker.hpp"
#include "ctl/own_profiles.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/python_facts.hpp"
#include "ctl/table.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/vocabulary.hpp"
#include "profile/profile.hpp"
#include "profile/words.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_most_learned = 16;

std::string file_of(const std::string& name) {
  return own_profile_folder() + "/" + name + ".toml";
}

void require_module(const std::string& python) {
  const auto facts = facts_of(python);
  if (!facts)
    throw Failure(base::k_exit_config,
                  python + " is no Python that can be executed; name another, or make it anew");
  if (const auto why = base::unserved_abi(facts->abi))
    throw Failure(base::k_exit_config, python + " " + *why + "; name another interpreter");
  if (facts->module().empty())
    throw Failure(base::k_exit_config, "pml was not built for " + python +
                                           "; make its module: pmlctl python add " + python);
}

std::string text_of(std::string_view maker, const std::string& description,
                    const std::string& interpreter, const std::vector<std::string>& preload) {
  std::string text = mark_of(maker) + "description = " + toml_text(description) + "\n";
  if (!interpreter.empty()) text += "[python]\ninterpreter = " + toml_text(interpreter) + "\n";
  return text + "[preload]\nmodules = " + toml_list(preload) +
         "\n[pool]\nworkers = 2\nspare = 1\nidle-exit = \"2h\"\n";
}

void write_own(const std::string& name, const std::string& text) {
  std::error_code error;
  const std::string file = file_of(name);
  const std::string maker = fs::exists(file, error) ? maker_of(read_file(file)) : "profile new";
  if (maker != "profile new" && maker != "learn")
    throw Failure(k_exit_failure, file +
                                      " is there already, and not of this command; change it "
                                      "with: pmlctl edit " +
                                      name);
  write_file(file, text);
}

void set_up(const Options& options, const std::string& name) {
  Services services;
  if (!services.manager()) {
    std::printf("No user manager here; start its pool with: pmlctl start %s\n", name.c_str());
    return;
  }
  enable_pool(services, name);
  // It may run already, with the profile that was here before.
  if (services.status(name))
    reload_pool(services, name, options.wait);
  else
    start_pool(services, name, options.wait);
}

struct Own {
  std::string name, file, maker;
  std::size_t drop_ins = 0;
};

std::size_t drop_ins_of(const std::string& file) {
  std::error_code error;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(file + ".d", error))
    count += entry.path().extension() == ".toml" ? 1 : 0;
  return count;
}

std::vector<Own> own_profiles() {
  std::vector<Own> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(own_profile_folder(), error)) {
    fs::path path = entry.path();
    const bool drop_ins_only =
        path.extension() == ".d" && !fs::exists(path.string().substr(0, path.string().size() - 2));
    if (drop_ins_only) path = path.string().substr(0, path.string().size() - 2);
    if (path.extension() != ".toml") continue;
    found.push_back({path.stem(), drop_ins_only ? "" : path.string(),
                     drop_ins_only ? "" : maker_of(read_file(path)), drop_ins_of(path)});
  }
  std::sort(found.begin(), found.end(), [](const Own& a, const Own& b) { return a.name < b.name; });
  return found;
}

/// Of what would be removed, that which pmlctl has not made; empty: it has made all.
std::string foreign_part_of(const Own& own) {
  if (!own.file.empty() && own.maker.empty()) return own.file;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(file_of(own.name) + ".d", error))
    if (maker_of(read_file(entry.path())).empty()) return entry.path();
  return {};
}

/// The drop-ins that pmlctl has made of its own.
void remove_made_drop_ins(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> made;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (!maker_of(read_file(entry.path())).empty()) made.push_back(entry.path());
  for (const std::string& file : made) fs::remove(file, error);
  fs::remove(folder, error);
}

/// Its pool goes with it, where no other folder has a profile of that name. `foreign`: what pmlctl
/// has not made, too.
void remove_one(Services& services, const Own& own, bool foreign) {
  std::vector<std::string> others = base::profile_folders();
  others.erase(others.begin());
  const bool stays = !profile::load(own.name, others).not_found();
  if (!stays) {
    if (services.manager()) disable_pool(services, own.name);
    stop_pool(services, own.name);
  }
  std::error_code error;
  fs::remove(file_of(own.name), error);
  if (foreign) fs::remove_all(file_of(own.name) + ".d", error);
  remove_made_drop_ins(file_of(own.name) + ".d");
  remove_empty_folders(own_profile_folder());
  if (stays && services.status(own.name)) reload_pool(services, own.name, false);
  std::printf(stays ? "Removed your part of profile \"%s\"; it is as pml brings it.\n"
                    : "Removed profile \"%s\".\n",
              own.name.c_str());
}

[[noreturn]] void throw_not_own(const std::string& name, const std::vector<Own>& all) {
  std::vector<std::string_view> names;
  names.reserve(all.size());
  for (const Own& own : all) names.push_back(own.name);
  if (profile::load(name, base::profile_folders()).not_found())
    throw Failure(k_exit_no_such_profile, "there is no profile \"" + name + "\"" +
                                              meant(name, names) +
                                              "; pmlctl profile list shows your own");
  require_profile(name);
  throw Failure(k_exit_failure,
                "profile \"" + name +
                    "\" is not yours to remove; hide it with an empty file: touch " +
                    file_of(name));
}

void remove_named(Services& services, const std::string& name, bool yes) {
  const auto all = own_profiles();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Own& own) { return own.name == name; });
  if (found == all.end()) throw_not_own(name, all);
  if (found->maker == "wrap" || found->maker == "adopt")
    throw Failure(k_exit_failure, "profile \"" + name +
                                      "\" belongs to a command; take that back "
                                      "with: pmlctl unadopt " +
                                      name.substr(name.find('-') + 1));
  if (const std::string foreign = foreign_part_of(*found); !foreign.empty() && !yes) {
    if (!can_ask())
      throw Failure(k_exit_failure, foreign +
                                        " was not made by pmlctl; remove it all the same with: "
                                        "pmlctl profile remove --yes " +
                                        name);
    if (!agreed("Remove " + foreign + ", which pmlctl has not made?", false))
      throw Failure(k_exit_failure, "nothing was done; see pmlctl profile list");
  }
  remove_one(services, *found, true);
  if (found->maker == "learn")
    std::printf(
        "It is made again where its environment is used often; never with environments = false "
        "in [learn]: pmlctl edit default\n");
}

/// The environment of a profile that was learned is there no more.
bool is_abandoned(const Own& own) {
  const auto loaded = profile::load(own.name, base::profile_folders());
  std::error_code error;
  return loaded.good() && !fs::exists(loaded.profile->interpreter, error);
}

/// Removes what was learned of environments that are gone. Throws Failure where too many are left.
void make_room(Services& services) {
  std::size_t left = 0;
  for (const Own& own : own_profiles()) {
    if (own.maker != "learn") continue;
    if (is_abandoned(own))
      remove_one(services, own, false);
    else
      ++left;
  }
  if (left >= k_most_learned)
    throw Failure(k_exit_failure, "pools of " + std::to_string(left) +
                                      " environments were learned already; remove one: pmlctl "
                                      "profile list, pmlctl profile remove NAME");
}

/// What notes the launches of environments that have no pool.
void remove_launch_notes() {
  std::error_code error;
  std::vector<fs::path> notes;
  for (const auto& entry : fs::directory_iterator(base::runtime_folder() + "/pml", error))
    if (entry.path().extension().string().starts_with(".launch")) notes.push_back(entry.path());
  for (const fs::path& note : notes) fs::remove(note, error);
}

/// Of this user's data and state: modules that `python add` made, what hints were given.
void remove_data() {
  std::error_code error;
  if (const std::string data = base::data_folder(); !data.empty()) {
    fs::remove_all(data + "/pml/modules", error);
    fs::remove(data + "/pml", error);
  }
  if (const std::string state = base::state_folder(); !state.empty()) {
    fs::remove_all(state + "/pml", error);
    fs::remove(state, error);
  }
}

}  // namespace

void ensure_profile(const std::string& name, const std::string& interpreter) {
  const profile::Result result = profile::load(name, base::profile_folders());
  if (!result.not_found()) {
    require_profile(name);
    return;
  }
  const std::string folder = venv_of(interpreter);
  require_module(interpreter);
  write_own(name, text_of("profile new", folder.empty() ? interpreter : "the environment " + folder,
                          interpreter, {}));
}

// A pool that comes with the first program, and goes when none has come for long: only its socket
// is there at each login.
int learn(const Options& options) {
  const std::string folder = require_venv(options.words.front());
  const std::string name = base::venv_profile(folder), interpreter = folder + "/bin/python3";
  if (!profile::load(name, base::profile_folders()).not_found()) return 0;
  Services services;
  if (!services.manager())
    throw Failure(
        k_exit_failure,
        "no user manager here; make the pool by hand: pmlctl profile new --venv " + folder);
  require_module(interpreter);
  make_room(services);
  write_own(name, text_of("learn", "the environment " + folder, interpreter, {}));
  try {
    services.manager()->enable({socket_unit(name)});
    start_pool(services, name, true);
  } catch (const Failure&) {
    remove_one(services, {name, file_of(name), "learn"}, false);
    throw;
  }
  return 0;
}

int leave(const Options&) {
  unadopt_everything();
  Services services;
  for (const Own& own : own_profiles()) {
    if (!own.maker.empty()) remove_one(services, own, false);
    remove_made_drop_ins(file_of(own.name) + ".d");
  }
  remove_data();
  remove_launch_notes();
  remove_empty_folders(own_profile_folder());
  for (const Own& own : own_profiles())
    std::printf("Kept, because you wrote it: %s\n",
                own.file.empty() ? (file_of(own.name) + ".d").c_str() : own.file.c_str());
  return 0;
}

namespace {

/// What would make a profile that nobody can use, or that hides one that is there.
void require_new(const Options& options, const std::string& name) {
  if (!base::valid_profile_name(name))
    throw Failure(base::k_exit_usage, "\"" + name +
                                          "\" cannot be the name of a profile: letters, "
                                          "digits and _ . @ - only; choose another");
  for (const std::string& module : options.preload)
    if (!profile::is_dotted_name(module))
      throw Failure(base::k_exit_usage, "\"" + module +
                                            "\" is not a module's name; see pmlctl help "
                                            "profile new");
  std::error_code error;
  if (fs::exists(file_of(name), error)) return;  // write_own() says whose it is
  if (!profile::load(name, base::profile_folders()).not_found())
    throw Failure(k_exit_failure, "there is a profile \"" + name +
                                      "\" already; change it with: pmlctl edit " + name +
                                      ", or choose another name");
}

void tell_of_preloads_that_failed(const std::string& name) {
  Services services;
  const auto status = services.status(name);
  if (!status) return;
  for (const auto& [module, why] : status->failed)
    std::printf("But %s is not preloaded: %s; mend that, then: pmlctl reload %s\n", module.c_str(),
                why.c_str(), name.c_str());
}

}  // namespace

int profile_new(const Options& options) {
  if (options.words.empty() == options.venv.empty())
    throw Failure(base::k_exit_usage,
                  "profile new takes a name or --venv FOLDER; see pmlctl help profile new");
  const bool of_venv = !options.venv.empty();
  const std::string folder = of_venv ? require_venv(options.venv) : "";
  const std::string name = of_venv ? base::venv_profile(folder) : options.words.front();
  require_new(options, name);
  const std::string interpreter = of_venv ? folder + "/bin/python3" : options.interpreter;
  if (!interpreter.empty()) require_module(interpreter);
  write_own(name, text_of("profile new", of_venv ? "the environment " + folder : name, interpreter,
                          options.preload));
  std::printf("Written to %s.\n%s\n", file_of(name).c_str(),
              of_venv
                  ? "With the environment active: pml SCRIPT. Else from a folder of the project: "
                    "pml --venv SCRIPT"
                  : ("Start programs with: pml -p " + name + " SCRIPT").c_str());
  set_up(options, name);
  if (options.wait) tell_of_preloads_that_failed(name);
  return 0;
}

int profile_list(const Options& options) {
  Table table({"PROFILE", "WRITTEN BY", ">DROP-INS", "FILE"});
  Json json = Json::array();
  for (const Own& own : own_profiles()) {
    table.add({{own.name, Colour::bold},
               {own.file.empty()    ? "-"
                : own.maker.empty() ? "you"
                                    : "pmlctl " + own.maker},
               {std::to_string(own.drop_ins)},
               {own.file.empty() ? file_of(own.name) + ".d" : own.file}});
    json.push_back({{"profile", own.name},
                    {"file", own.file},
                    {"maker", own.maker},
                    {"drop_ins", own.drop_ins}});
  }
  if (options.json)
    print_json(json);
  else
    print(table.empty() ? "No profiles of your own. pmlctl list shows those that pml brings.\n"
                        : table.text(),
          options.pager);
  return 0;
}

int profile_remove(const Options& options) {
  Services services;
  std::vector<std::string> names = options.words;
  if (names.empty() && options.venv.empty())
    throw Failure(base::k_exit_usage,
                  "profile remove needs a name or --venv FOLDER; see pmlctl profile list");
  if (!options.venv.empty()) names.push_back(profile_of_options(options));
  return for_each(names,
                  [&](const std::string& name) { remove_named(services, name, options.yes); });
}

}  // namespace pml::ctl
