#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

// Callers that each start a program, wait for its end and start it again; prints how many ended
// well in a second, all callers together.
//   flood CALLERS SECONDS PROGRAM ARG…

namespace {

using Clock = std::chrono::steady_clock;

bool run_once(char** words) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int status = -1;
  if (::posix_spawn(&pid, words[0], &actions, nullptr, words, environ) == 0)
    ::waitpid(pid, &status, 0);
  ::posix_spawn_file_actions_destroy(&actions);
  return status == 0;
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: flood CALLERS SECONDS PROGRAM ARG...\n");
    return 64;
  }
  const int callers = std::atoi(words[1]);
  const std::chrono::duration<double> span(std::atof(words[2]));
  std::atomic<long> ended = 0;
  std::atomic<long> failed = 0;
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      while (Clock::now() - begin < span) ++(run_once(words + 3) ? ended : failed);
    });
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf("%.1f\n", static_cast<double>(ended) / took.count());
  if (failed > 0) std::fprintf(stderr, "flood: %ld failed\n", failed.load());
  return failed > 0 ? 1 : 0;
}
