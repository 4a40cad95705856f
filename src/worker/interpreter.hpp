#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/request.hpp"
#include "worker/fitness.hpp"
#include "worker/python.hpp"

namespace pml::worker {

/// What a fresh interpreter of this kind has, taken down in the zygote before any preload.
struct Baseline {
  std::string executable;                ///< the interpreter as it was executed: argv[0]
  std::vector<std::string> path;         ///< sys.path without the entry of the program
  std::vector<std::string> environment;  ///< the zygote's own, NAME=VALUE
  std::optional<std::string> time_zone;  ///< TZ of the zygote
  std::string locale;                    ///< LC_CTYPE as setlocale(3) names it
  std::vector<std::string> startup;      ///< modules of the start that come from a file, top level
  Ref main_globals;                      ///< a copy of the untouched globals of __main__
  Ref builtin_names;                     ///< a copy of the builtins' dict
  Ref system;                            ///< the sys module
  Ref system_names;                      ///< a copy of sys.__dict__
  Ref environment_values;                ///< the dict in which os.environ keeps its bytes
  Ref run_exit_calls;                    ///< atexit._run_exitfuncs
  Ref count_exit_calls;                  ///< atexit._ncallbacks
  Ref live_objects;                      ///< gc.get_objects
  Ref freeze;                            ///< gc.freeze
  Ref unfreeze;                          ///< gc.unfreeze
  Ref open;                              ///< io.open
  Ref text_wrapper;                      ///< io.TextIOWrapper
  Ref entry_points;                      ///< wire::entry_point_functions()' index of `path`
  Ref set_signal;                        ///< signal.signal, the C one
};
[[nodiscard]] Baseline& baseline();

/// Fills the baseline. Called once, before the first preload, with a Python frame running.
void take_baseline(std::string_view executable);

/// The environment the zygote's interpreter started with, for look-up.
[[nodiscard]] const Environment& started_with();

/// The words python3 would have been called with: the interpreter, its options, the program and its
/// arguments.
[[nodiscard]] std::vector<std::string> original_words(const wire::Request& request);

/// Makes the interpreter what the caller's python3 would be at the start of its program:
/// environment, locale, flags, warnings, argv, path, signals, streams. The descriptors are in place
/// already. Returns false with a Python exception set.
[[nodiscard]] bool become(const wire::Request& request, const RunOptions& options);

/// setlocale(LC_CTYPE) for the caller; false where it is not there or not UTF-8.
[[nodiscard]] bool adopt_locale(const LocaleChoice& choice);

}  // namespace pml::worker
