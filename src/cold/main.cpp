#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "cold/launch.hpp"

namespace {

int fail(int status, const std::string& reason) {
  std::fprintf(stderr, "pml: %s\n", reason.c_str());
  return status;
}

}  // namespace

// pml-cold PROFILE [ARGUMENT…]: what pml executes when it steps aside.
int main(int argc, char** argv) {
  using namespace pml;
  if (argc < 2) return fail(base::k_exit_usage, "usage: pml-cold PROFILE [ARGUMENT...]");
  const std::string profile = argv[1];
  const cold::Launch launch =
      cold::prepare(profile, base::profile_folders(), std::getenv("PYTHONPATH"));
  if (!launch.error.empty()) return fail(base::k_exit_config, launch.error);
  if (cold::is_pml(launch.interpreter, {PML_BINDIR "/pml"}))
    return fail(base::k_exit_config, "the interpreter of the profile \"" + profile + "\", " +
                                         launch.interpreter + ", is pml itself");
  return fail(base::k_exit_config, cold::execute(launch, argv + 2));
}
