#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/reply.hpp"
#include "wire/request.hpp"

namespace pml::worker {

/// Why a job is not taken.
struct Objection {
  wire::Refusal refusal = wire::Refusal::option;
  std::string detail;         ///< the option, variable or file that is in the way
  std::string misled = {};    ///< the module that cannot be shared with this caller, if that is why
  std::string variable = {};  ///< NAME or NAME=VALUE: what that module read, as the caller has it
};

/// The character encoding a fresh interpreter would settle on.
struct LocaleChoice {
  std::string name;            ///< for setlocale(LC_CTYPE, …)
  bool utf8_mode = false;      ///< PEP 540
  bool coerced = false;        ///< PEP 538: LC_CTYPE=C.UTF-8 goes into the environment
  bool escape_errors = false;  ///< stdin and stdout get "surrogateescape"
};

/// What the caller's options and variables ask of the interpreter, as far as it can be done warm.
struct RunOptions {
  bool unbuffered = false;
  bool dont_write_bytecode = false;
  bool faulthandler = false;
  int quiet = 0;
  int bytes_warning = 0;
  std::vector<std::string> warnings;          ///< least to most binding, as sys.warnoptions
  std::vector<std::string> x_options;         ///< NAME or NAME=VALUE
  std::string io_encoding;                    ///< empty: the locale's
  std::string io_errors;                      ///< empty: the default
  std::vector<std::string> python_path;       ///< as split at colons, may hold empty ones
  std::optional<std::string> program_folder;  ///< that goes in front of sys.path
  LocaleChoice locale;
  std::optional<std::string> time_zone;  ///< TZ
  std::optional<std::string> home;       ///< HOME
  std::uint64_t ignored_signals = 0;     ///< bit N-1: the caller ignored signal N
};

/// NAME=VALUE entries for look-up by name; the first of a name wins, as getenv(3) has it. Points
/// into what it was made from.
class Environment {
 public:
  struct Variable {
    std::string_view name;
    std::string_view value;
  };
  explicit Environment(const std::vector<std::string_view>& entries);
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  /// Ordered by name, each name once.
  [[nodiscard]] const std::vector<Variable>& all() const noexcept { return variables_; }

 private:
  std::vector<Variable> variables_;
};

/// What matters of the interpreter that serves.
struct Interpreter {
  bool utf8_by_default = false;  ///< in its UTF-8 mode unless it is told otherwise
  bool dumps_c_stack = false;    ///< faulthandler shows what called the interpreter, too
};

/// Reads the request's interpreter options and variables. `started_with` is the environment the
/// zygote's interpreter started with; `computes` says whether preloaded libraries of others read
/// thread counts at load (OMP_*, OPENBLAS_*, …). Either the options or an objection.
struct Fitness {
  RunOptions options;
  std::optional<Objection> objection;
};
[[nodiscard]] Fitness judge(const wire::Request& request, const Environment& caller,
                            const Environment& started_with, bool computes,
                            const Interpreter& interpreter);

/// The locale a fresh interpreter in this environment settles on.
[[nodiscard]] LocaleChoice choose_locale(const Environment& environment, bool utf8_by_default);

}  // namespace pml::worker
