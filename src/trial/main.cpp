// pml-trial: runs a command as far as nobody but itself could notice, and tells what it asked.
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

#include "base/exit_status.hpp"
#include "trial/observer.hpp"

namespace {

using namespace pml;         // NOLINT: a main
using namespace pml::trial;  // NOLINT

constexpr const char* k_help =
    "Usage: pml-trial [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "       pml-trial --check\n"
    "Runs COMMAND until it would do something that others could notice, or asks what only its\n"
    "caller can answer; kills it before that; prints what it asked as JSON.\n\n"
    "  --seconds N       at most so long, by the clock (30)\n"
    "  --cpu-seconds N   at most so much of the processor's time (5)\n"
    "  --memory BYTES    at most so much memory\n"
    "  --marker-fd N     writing to descriptor N ends the trial well; it need not be open\n"
    "  --allow-fd N      reading from and writing to descriptor N is allowed\n"
    "  --awaits          calls are looked at only while COMMAND asks for it, by the recorder's\n"
    "                    pml_recorder_attend; before it does, everything is let through\n"
    "  --result-fd N     prints to descriptor N; the standard streams are then COMMAND's, which\n"
    "                    otherwise has /dev/null\n"
    "  --check           whether trials can be made here: exit status 0, or 69 with the reason\n";

struct Options {
  Plan plan;
  int result = STDOUT_FILENO;
  bool check = false;
  bool good = true;
};

enum Option {
  k_seconds = 1,
  k_cpu,
  k_memory,
  k_marker,
  k_allow,
  k_result,
  k_check,
  k_awaits,
  k_end,
  k_usage
};

constexpr option k_options[] = {
    {"seconds", required_argument, nullptr, k_seconds},
    {"cpu-seconds", required_argument, nullptr, k_cpu},
    {"memory", required_argument, nullptr, k_memory},
    {"marker-fd", required_argument, nullptr, k_marker},
    {"allow-fd", required_argument, nullptr, k_allow},
    {"result-fd", required_argument, nullptr, k_result},
    {"check", no_argument, nullptr, k_check},
    {"awaits", no_argument, nullptr, k_awaits},
    {"end", no_argument, nullptr, k_end},
    {"help", no_argument, nullptr, k_usage},
    {nullptr, 0, nullptr, 0},
};

std::optional<double> number_of(const char* text) {
  char* end = nullptr;
  const double number = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(number >= 0)) return std::nullopt;
  return number;
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<long>(seconds * 1000));
}

void take(Options& options, int option, double number) {
  switch (option) {
    case k_seconds:
      options.plan.seconds = milliseconds_of(number);
      break;
    case k_cpu:
      options.plan.cpu_seconds = milliseconds_of(number);
      break;
    case k_memory:
      options.plan.memory = static_cast<std::uint64_t>(number);
      break;
    case k_marker:
      options.plan.arrangement.markers.push_back(static_cast<int>(number));
      break;
    case k_allow:
      options.plan.arrangement.allowed.push_back(static_cast<int>(number));
      break;
    default:
      options.result = static_cast<int>(number);
      options.plan.silent = false;
      options.plan.kept = options.result;
  }
}

Options parse(int count, char** words) {
  Options options;
  for (int option = 0; (option = ::getopt_long(count, words, "+h", k_options, nullptr)) != -1;) {
    if (option == k_end) ::_exit(0);  // of the check's own child
    if (option == k_usage || option == 'h') std::exit(std::fputs(k_help, stdout) < 0);  // NOLINT
    if (option == k_check) {
      options.check = true;
      continue;
    }
    if (option == k_awaits) {
      options.plan.awaits = true;
      continue;
    }
    const auto number = optarg != nullptr ? number_of(optarg) : std::nullopt;
    options.good = options.good && number.has_value();
    if (number) take(options, option, *number);
  }
  options.plan.command.assign(words + ::optind, words + count);
  options.good = options.good && (options.check || !options.plan.command.empty());
  return options;
}

int check() {
  const auto why = why_unavailable();
  if (!why) return 0;
  std::fprintf(stderr, "pml-trial: %s\n", why->c_str());
  return base::k_exit_unavailable;
}

bool print(const std::string& text, int descriptor) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(descriptor, text.data() + at, text.size() - at);
    if (written <= 0) return false;
    at += static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

int main(int count, char** words) try {
  const Options options = parse(count, words);
  if (!options.good) {
    std::fputs("pml-trial: wrong words; see pml-trial --help\n", stderr);
    return base::k_exit_usage;
  }
  if (options.check) return check();
  const Result result = Observer(options.plan).run();
  if (!print(json_of(result), options.result)) return base::k_exit_software;
  return result.outcome == Outcome::unavailable ? base::k_exit_unavailable : 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "pml-trial: %s\n", problem.what());
  return base::k_exit_software;
}
