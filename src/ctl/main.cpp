// pmlctl: looks at and steers pml's services.
#include <cstdio>
#include <exception>

#include "base/exit_status.hpp"
#include "ctl/table.hpp"
#include "ctl/vocabulary.hpp"

namespace {

using namespace pml;       // NOLINT: a main
using namespace pml::ctl;  // NOLINT

int fail(int status, const char* sentence) {
  std::fprintf(stderr, "pmlctl: %s\n", sentence);
  return status;
}

int print_help(const Options& options, bool typed) {
  if (!typed)
    print(help_text(), false);
  else if (options.verb != nullptr)
    print(help_text(*options.verb), false);
  else
    print(family_text(options.words.front()), false);
  return 0;
}

/// What did not reach standard output is not done.
int written(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return fail(base::k_exit_cant_create,
              "standard output cannot be written to; make room, or write elsewhere");
}

int run(const Options& options) {
  try {
    return written(options.verb->run(options));
  } catch (const Failure& failure) {
    return fail(failure.status(), failure.what());
  } catch (const std::exception& failure) {
    return fail(base::k_exit_software, failure.what());
  }
}

}  // namespace

int main(int count, char** words) {
  const Options options = parse_options({words + 1, words + count});
  if (!options.error.empty()) return fail(base::k_exit_usage, options.error.c_str());
  if (options.help)
    return written(print_help(options, options.verb_typed || options.verb == nullptr));
  if (options.version) return written(std::puts("pmlctl " PML_VERSION) < 0);
  return run(options);
}
