#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "cold/hint.hpp"
#include "cold/launch.hpp"
#include "profile/profile.hpp"

// pml-cold PROFILE [ARGUMENT…]: what pml executes when it steps aside.
int main(int argc, char** argv) {
  using namespace pml;
  if (argc < 2) {
    std::fputs("pml: usage: pml-cold PROFILE [ARGUMENT...]\n", stderr);
    return base::k_exit_usage;
  }
  // pml-cold --because REASON SENTENCE DETAIL INTERPRETER PROFILE [ARGUMENT…]: says why, first.
  std::string interpreter;
  if (argc >= 7 && std::strcmp(argv[1], "--because") == 0) {
    interpreter = argv[5];
    const bool has_no_profile = profile::load(argv[6], base::profile_folders()).not_found();
    cold::give_hint({argv[2], argv[3], argv[4]}, argv[6], has_no_profile);
    argv += 5;
  }
  const std::string profile = argv[1];
  cold::Launch launch;
  if (interpreter.empty())
    launch = cold::prepare(profile, base::profile_folders(), std::getenv("PYTHONPATH"));
  else
    launch.interpreter = interpreter;
  cold::execute(launch, argv + 2, {PML_BINDIR "/pml"});
  return base::k_exit_config;
}
