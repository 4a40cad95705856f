// pmlctl: looks at and steers pml's services.
#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "profile/near_miss.hpp"

namespace {

using namespace pml;       // NOLINT: a main
using namespace pml::ctl;  // NOLINT

struct Verb {
  std::string_view name;
  int (*run)(const Options&);
  std::size_t least, most;  // words
};

constexpr std::size_t k_any = 1000;
constexpr std::array k_verbs = {
    Verb{"list", list, 0, 0},
    Verb{"status", status, 0, k_any},
    Verb{"jobs", jobs, 0, 1},
    Verb{"kill", kill, 1, 2},
    Verb{"reload", reload, 0, 1},
    Verb{"show", show, 0, 1},
    Verb{"check", check, 0, k_any},
    Verb{"doctor", doctor, 0, 1},
    Verb{"top", top, 0, 1},
    Verb{"suggest", suggest, 0, k_any* k_any},
    Verb{"wrap", wrap, 1, k_any},
    Verb{"unwrap", unwrap, 1, k_any},
    Verb{"bench", bench, 1, k_any* k_any},
    Verb{"complete", complete, 1, 2},
    Verb{"profile", new_profile, 1, 1},
    Verb{"python", python, 1, 2},
};

constexpr const char* k_help =
    "Usage: pmlctl [OPTION]... [VERB ...]: looks at and steers warm interpreters\n\n"
    "  list                          profiles, their sockets and services\n"
    "  status [PROFILE]...           one service, or all that run\n"
    "  jobs [PROFILE]                what runs\n"
    "  kill JOB [SIGNAL]             a signal (TERM) to a job's process group\n"
    "  reload [PROFILE]              a new pool with the profile as it is now\n"
    "  show [PROFILE]                the merged profile, each value with its file\n"
    "  check [FILE|PROFILE]...       what is wrong with profiles\n"
    "  doctor [PROFILE]              what keeps programs from starting warm\n"
    "  top [PROFILE]                 a live view\n"
    "  suggest [--write] [PROGRAM]   imports to preload, of PROGRAM or as seen\n"
    "  wrap | unwrap COMMAND...      an installed command starts warm under its name\n"
    "  bench [-n RUNS] PROGRAM       python3 and pml side by side\n"
    "  profile new --venv FOLDER     a pool of a virtual environment, for pml --venv\n"
    "  python list | add PYTHON      for which Pythons pml has its module; makes one\n"
    "PROGRAM: as for python3, SCRIPT, -m MODULE or -c CODE, and arguments; after --\n\n"
    "  -p, --profile NAME   the profile, where none is named ($PML_PROFILE, default)\n"
    "      --socket PATH    the socket of a service without a profile\n"
    "      --json           JSON instead of tables\n"
    "      --no-pager       never through a pager\n"
    "  -h, --help, --version\n";

const Verb* find(std::string_view name) {
  for (const Verb& verb : k_verbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

int misused(const std::string& sentence) {
  std::fprintf(stderr, "pmlctl: %s; see pmlctl --help\n", sentence.c_str());
  return base::k_exit_usage;
}

int unknown(const std::string& name) {
  std::vector<std::string_view> names;
  names.reserve(std::size(k_verbs));
  for (const Verb& verb : k_verbs) names.push_back(verb.name);
  const std::string_view meant = profile::near_miss(name, names);
  return misused("there is no verb \"" + name + "\"" +
                 (meant.empty() ? "" : ", did you mean \"" + std::string(meant) + "\"?"));
}

int run(const Options& options) {
  const Verb* verb = find(options.verb.empty() ? "list" : options.verb);
  if (verb == nullptr) return unknown(options.verb);
  if (options.words.size() < verb->least || options.words.size() > verb->most)
    return misused(std::string(verb->name) + " takes " +
                   (options.words.size() < verb->least ? "more words" : "fewer words"));
  try {
    return verb->run(options);
  } catch (const Failure& failure) {
    std::fprintf(stderr, "pmlctl: %s\n", failure.what());
    return failure.status();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "pmlctl: %s\n", failure.what());
    return base::k_exit_software;
  }
}

}  // namespace

int main(int count, char** words) {
  const Options options = parse_options({words + 1, words + count});
  if (options.help) return std::fputs(k_help, stdout) < 0;
  if (options.version) return std::puts("pmlctl " PML_VERSION) < 0;
  if (!options.error.empty()) return misused(options.error);
  return run(options);
}
