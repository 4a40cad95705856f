#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "cold/launch.hpp"

// pml-cold PROFILE [ARGUMENT…]: what pml executes when it steps aside.
int main(int argc, char** argv) {
  using namespace pml;
  if (argc < 2) {
    std::fputs("pml: usage: pml-cold PROFILE [ARGUMENT...]\n", stderr);
    return base::k_exit_usage;
  }
  const std::string profile = argv[1];
  const cold::Launch launch =
      cold::prepare(profile, base::profile_folders(), std::getenv("PYTHONPATH"));
  cold::execute(launch, argv + 2, {PML_BINDIR "/pml"});
  return base::k_exit_config;
}
