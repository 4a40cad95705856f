#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/process.hpp"
#include "ctl/samples.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "ctl/units.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

constexpr unsigned k_default_runs = 20;
constexpr std::size_t k_bar_width = 30;

class Bench {
 public:
  Bench(const Options& options, std::string profile) : profile_(std::move(profile)) {
    require_profile(profile_);
    std::vector<std::string> words = options.words;
    // An installed command is its script.
    if (!words[0].starts_with('-') && !std::filesystem::exists(words[0]))
      if (const std::string path = find_command(words[0]); !path.empty()) words[0] = path;
    const auto loaded = profile::load(profile_, base::profile_folders());
    cold_ = {loaded.profile->interpreter};
    std::error_code error;
    const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "pml";
    warm_ = {::access(here.c_str(), X_OK) == 0 ? here.string() : PML_BINDIR "/pml", "-p", profile_,
             "--no-fallback", "--wait"};
    cold_.insert(cold_.end(), words.begin(), words.end());
    warm_.insert(warm_.end(), words.begin(), words.end());
  }

  /// One launch of each that is not counted: pages and bytecode are in memory afterwards.
  void rehearse() {
    Outcome first = run({warm_, {}, Output::discard, Output::keep, true});
    const int status = WIFEXITED(first.wait_status) ? WEXITSTATUS(first.wait_status) : 0;
    const std::string said = first.standard_error.substr(0, first.standard_error.find('\n'));
    if ((status == base::k_exit_unavailable || status == base::k_exit_overloaded ||
         status == base::k_exit_refused) &&
        said.starts_with("pml: "))
      throw Failure(status, "the program does not start warm: " + said.substr(5) +
                                "; see pmlctl doctor " + profile_);
    static_cast<void>(launch(cold_));
  }

  void measure(unsigned runs) {
    for (unsigned i = 0; i < runs; ++i) {
      cold_times.add(launch(cold_));
      warm_times.add(launch(warm_));
      progress(i + 1, runs);
    }
    if (shows_progress()) std::fputs("\r\033[K", stderr);
  }

  Samples cold_times, warm_times;

 private:
  static std::uint64_t launch(const std::vector<std::string>& words) {
    return run({words, {}, Output::discard, Output::discard, true}).usec;
  }
  static bool shows_progress() { return ::isatty(STDERR_FILENO) != 0; }
  static void progress(unsigned done, unsigned all) {
    if (!shows_progress()) return;
    const std::size_t full = k_bar_width * done / all;
    std::string bar;
    for (std::size_t i = 0; i < k_bar_width; ++i) bar += i < full ? "█" : "░";
    std::fprintf(stderr, "\r%s %u of %u", bar.c_str(), done, all);
  }

  std::string profile_;
  std::vector<std::string> cold_, warm_;
};

void add_row(Table& table, const char* name, const Samples& samples) {
  const std::uint64_t low = samples.percentile(0), high = samples.percentile(100);
  table.add({{name, Colour::bold},
             {duration_text(low)},
             {duration_text(samples.percentile(50))},
             {duration_text(samples.percentile(95))},
             {duration_text(high)},
             {bars(samples.counts(low, high, 20))}});
}

std::string verdict(const Bench& bench) {
  const auto cold = static_cast<double>(bench.cold_times.percentile(50));
  const auto warm = static_cast<double>(bench.warm_times.percentile(50));
  char text[160];
  if (warm < cold)
    std::snprintf(text, sizeof text, "pml is %.1f times as fast and saves %s a run.\n", cold / warm,
                  duration_text(static_cast<std::uint64_t>(cold - warm)).c_str());
  else
    std::snprintf(text, sizeof text,
                  "pml saves nothing here; pmlctl suggest shows what to preload.\n");
  return text;
}

Json json_of(const Samples& samples) {
  return {{"runs", samples.size()},
          {"min_usec", samples.percentile(0)},
          {"p50_usec", samples.percentile(50)},
          {"p95_usec", samples.percentile(95)},
          {"max_usec", samples.percentile(100)}};
}

}  // namespace

int bench(const Options& options) {
  Bench bench(options, profile_of(options));
  bench.rehearse();
  bench.measure(options.runs != 0 ? options.runs : k_default_runs);
  if (options.json) {
    print_json({{"cold", json_of(bench.cold_times)}, {"warm", json_of(bench.warm_times)}});
    return 0;
  }
  Table table({"", ">BEST", ">MEDIAN", ">95%", ">WORST", "FROM BEST TO WORST"});
  add_row(table, "python3", bench.cold_times);
  add_row(table, "pml", bench.warm_times);
  print(table.text() + "\n" + verdict(bench), false);
  return 0;
}

}  // namespace pml::ctl
