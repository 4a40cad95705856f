#include "ctl/bench_contender.hpp"

#include <sys/wait.h>

#include <cstdio>

#include "base/exit_status.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/status_view.hpp"

namespace pml::ctl {

namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t begin = text.rfind('\n');
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

/// pml's own refusals are told of as such; they say what to do.
void require_warm(const Behaviour& warm, const Contender& contender) {
  const int status = WIFEXITED(warm.wait_status) ? WEXITSTATUS(warm.wait_status) : 0;
  const std::string said = first_line(warm.standard_error);
  if ((status == base::k_exit_unavailable || status == base::k_exit_overloaded ||
       status == base::k_exit_refused) &&
      said.starts_with("pml: "))
    throw Failure(status,
                  "the program does not start warm (" + contender.name + "): " + said.substr(5));
}

void require_success(const Behaviour& cold, const std::string& remedy) {
  if (cold.wait_status == 0) return;
  const std::string said = last_line(cold.standard_error);
  throw Failure(k_exit_failure, "the program fails with " + ending_of(cold.wait_status) +
                                    (said.empty() ? "" : ": " + said) + "; " + remedy);
}

std::string milliseconds(std::uint64_t usec) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(usec) / 1e3);
  return text;
}

double seconds(std::uint64_t usec) {
  return static_cast<double>(usec) / 1e6;
}

std::string command_of(const Contender& contender) {
  std::string text;
  for (const std::string& word : contender.words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

std::string ending_of(int wait_status) {
  return end_text(WIFSIGNALED(wait_status) ? "killed:" + std::to_string(WTERMSIG(wait_status))
                                           : "exited:" + std::to_string(WEXITSTATUS(wait_status)));
}

Behaviour watched(const Contender& contender) {
  Outcome outcome = run({contender.words, {}, Output::keep, Output::keep, true});
  return {outcome.wait_status, std::move(outcome.standard_output),
          std::move(outcome.standard_error)};
}

std::string difference(const Behaviour& cold, const Behaviour& warm) {
  if (cold.wait_status != warm.wait_status)
    return "its end (" + ending_of(cold.wait_status) + ", " + ending_of(warm.wait_status) + ")";
  if (cold.standard_output != warm.standard_output) return "what it writes to standard output";
  if (cold.standard_error != warm.standard_error) return "what it writes to standard error";
  return {};
}

void refuse_difference(const std::string& what, const std::string& name,
                       const std::string& profile) {
  if (what.empty()) return;
  throw Failure(k_exit_failure, "the program differs with " + name + " in " + what +
                                    ": that must not be; compare PML=0 with PML_TRACE=1, "
                                    "and see pmlctl doctor " +
                                    profile);
}

void require_same(const std::vector<Contender>& contenders, const std::string& remedy,
                  const std::vector<std::string>& profiles) {
  const Behaviour cold = watched(contenders.front());
  const bool repeatable = watched(contenders.front()) == cold;
  for (std::size_t i = 1; i < contenders.size(); ++i) {
    Behaviour warm = watched(contenders[i]);
    const std::string& profile = profiles[i - 1];
    require_warm(warm, contenders[i]);
    if (!remedy.empty()) require_success(cold, remedy);
    if (!repeatable) warm = {warm.wait_status, cold.standard_output, cold.standard_error};
    refuse_difference(difference(cold, warm), contenders[i].name, profile);
  }
}

std::string markdown_of(const std::vector<Contender>& contenders) {
  std::string text =
      "| Command | Median [ms] | Min [ms] | Max [ms] | Relative |\n|:---|---:|---:|---:|---:|\n";
  const auto base = static_cast<double>(contenders.front().times.percentile(50));
  for (const Contender& contender : contenders) {
    char relative[32];
    std::snprintf(relative, sizeof relative, "%.2f",
                  base > 0 ? static_cast<double>(contender.times.percentile(50)) / base : 0);
    text += "| `" + contender.name + "` | " + milliseconds(contender.times.percentile(50)) + " | " +
            milliseconds(contender.times.percentile(0)) + " | " +
            milliseconds(contender.times.percentile(100)) + " | " + relative + " |\n";
  }
  return text;
}

std::string json_export_of(const std::vector<Contender>& contenders) {
  Json results = Json::array();
  for (const Contender& contender : contenders) {
    Json times = Json::array();
    double sum = 0;
    for (const std::uint64_t usec : contender.times.values()) {
      times.push_back(seconds(usec));
      sum += seconds(usec);
    }
    results.push_back({{"command", command_of(contender)},
                       {"mean", sum / static_cast<double>(contender.times.size())},
                       {"median", seconds(contender.times.percentile(50))},
                       {"min", seconds(contender.times.percentile(0))},
                       {"max", seconds(contender.times.percentile(100))},
                       {"times", std::move(times)}});
  }
  return Json{{"results", std::move(results)}}.dump(2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace pml::ctl
