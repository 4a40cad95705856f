#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

// Starts each contender once a round, round after round, and prints what a start costs.
//   launch [--rounds N] [--pause-us N] [--json FILE] @NAME[/EVERY] PROGRAM ARG… [@NAME …]…
// EVERY: started in each so many-th round only, for what takes long.

namespace {

struct Contender {
  std::string name;
  int every = 1;
  std::vector<char*> words;
  std::vector<double> microseconds;
};

Contender named(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string::npos) return {text, 1, {}, {}};
  return {text.substr(0, slash), std::max(1, std::atoi(text.c_str() + slash + 1)), {}, {}};
}

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double run_once(const Contender& contender) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const double begin = now();
  const int error =
      ::posix_spawn(&pid, contender.words[0], &actions, nullptr, contender.words.data(), environ);
  int status = 0;
  if (error == 0) ::waitpid(pid, &status, 0);
  const double end = now();
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0 || status != 0) {
    std::fprintf(stderr, "launch: %s failed (%s, status %d)\n", contender.name.c_str(),
                 error != 0 ? std::strerror(error) : "it ran", status);
    std::exit(1);
  }
  return end - begin;
}

double quantile(const std::vector<double>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return sorted[at];
}

void print_table(std::vector<Contender>& contenders, std::FILE* json) {
  double base = 0;
  std::printf("%-34s %8s %8s %8s %8s\n", "ms", "min", "p50", "p99", "ratio");
  if (json != nullptr) std::fprintf(json, "{");
  for (Contender& contender : contenders) {
    auto& times = contender.microseconds;
    std::sort(times.begin(), times.end());
    const double p50 = quantile(times, 0.5);
    if (base == 0) base = p50;
    std::printf("%-34s %8.3f %8.3f %8.3f %8.2f\n", contender.name.c_str(), times.front() / 1e3,
                p50 / 1e3, quantile(times, 0.99) / 1e3, p50 / base);
    if (json != nullptr)
      std::fprintf(json, "%s\n  \"%s\": {\"min_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}",
                   &contender == contenders.data() ? "" : ",", contender.name.c_str(),
                   times.front(), p50, quantile(times, 0.99));
  }
  if (json != nullptr) std::fprintf(json, "\n}\n");
}

}  // namespace

int main(int count, char** words) {
  int rounds = 200;
  long pause = 5000;
  const char* json_path = nullptr;
  std::vector<Contender> contenders;
  for (int i = 1; i < count; ++i) {
    if (words[i][0] == '@')
      contenders.push_back(named(words[i] + 1));
    else if (!contenders.empty())
      contenders.back().words.push_back(words[i]);
    else if (std::strcmp(words[i], "--rounds") == 0 && i + 1 < count)
      rounds = std::atoi(words[++i]);
    else if (std::strcmp(words[i], "--pause-us") == 0 && i + 1 < count)
      pause = std::atol(words[++i]);
    else if (std::strcmp(words[i], "--json") == 0 && i + 1 < count)
      json_path = words[++i];
  }
  if (contenders.empty()) {
    std::fprintf(stderr,
                 "usage: launch [--rounds N] [--pause-us N] [--json FILE] @NAME PROGRAM ARG...\n");
    return 64;
  }
  for (Contender& contender : contenders) contender.words.push_back(nullptr);
  std::vector<Contender*> order;
  for (Contender& contender : contenders) order.push_back(&contender);
  std::mt19937 chance(1);  // NOLINT(cert-msc*): the same order in every run
  for (int round = 0; round < rounds + 5; ++round) {
    // A pool fills up again beside whoever comes next: that must not always be the same one.
    std::shuffle(order.begin(), order.end(), chance);
    for (Contender* contender : order) {
      if (round % contender->every != 0) continue;
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
      const double took = run_once(*contender);
      if (round >= 5) contender->microseconds.push_back(took);  // the first rounds warm the caches
    }
  }
  std::FILE* json = json_path != nullptr ? std::fopen(json_path, "we") : nullptr;
  print_table(contenders, json);
  if (json != nullptr) std::fclose(json);
  return 0;
}
