#include "ctl/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace pml::ctl {

namespace {

struct Pipe {
  base::UniqueFd read_end, write_end;
};

Pipe make_pipe() {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "cannot make a pipe");
  return {base::UniqueFd(base::k_adopt, ends[0]), base::UniqueFd(base::k_adopt, ends[1])};
}

/// What a child starts with.
class Plan {
 public:
  Plan() { ::posix_spawn_file_actions_init(&actions_); }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { ::posix_spawn_file_actions_destroy(&actions_); }

  void open_null(int number, int flags) {
    ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", flags, 0);
  }
  /// Returns the end to read from, where there is one.
  base::UniqueFd direct(int number, Output output) {
    if (output == Output::discard) open_null(number, O_WRONLY);
    if (output != Output::keep) return {};
    Pipe pipe = make_pipe();
    ::posix_spawn_file_actions_adddup2(&actions_, pipe.write_end.get(), number);
    write_ends_.push_back(std::move(pipe.write_end));
    return std::move(pipe.read_end);
  }
  pid_t start(const std::vector<std::string>& words, const std::vector<std::string>& more) {
    std::vector<char*> arguments, environment;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    for (const std::string& item : more) environment.push_back(const_cast<char*>(item.c_str()));
    for (char** item = environ; *item != nullptr; ++item) environment.push_back(*item);
    environment.push_back(nullptr);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, arguments[0], &actions_, nullptr, arguments.data(),
                                     environment.data());
    if (error != 0) base::throw_errno(error, words[0].c_str());
    write_ends_.clear();
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<base::UniqueFd> write_ends_;
};

void read_all(std::array<base::UniqueFd, 2>& pipes, std::array<std::string*, 2> into) {
  while (pipes[0].valid() || pipes[1].valid()) {
    std::array<pollfd, 2> entries{{{pipes[0].get(), POLLIN, 0}, {pipes[1].get(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (entries[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t size = ::read(pipes[i].get(), buffer, sizeof buffer);
      if (size > 0)
        into[i]->append(buffer, static_cast<std::size_t>(size));
      else
        pipes[i].reset();
    }
  }
}

}  // namespace

Outcome run(const Program& program) {
  using Clock = std::chrono::steady_clock;
  Plan plan;
  Outcome outcome;
  if (program.null_input) plan.open_null(STDIN_FILENO, O_RDONLY);
  std::array<base::UniqueFd, 2> pipes = {plan.direct(STDOUT_FILENO, program.out),
                                         plan.direct(STDERR_FILENO, program.err)};
  const Clock::time_point start = Clock::now();
  const pid_t pid = plan.start(program.words, program.more_environment);
  read_all(pipes, {&outcome.standard_output, &outcome.standard_error});
  while (::waitpid(pid, &outcome.wait_status, 0) < 0 && errno == EINTR) {
  }
  outcome.usec = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  return outcome;
}

std::string own_program(const std::string& name) {
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name;
  return ::access(beside.c_str(), X_OK) == 0 ? beside.string() : PML_BINDIR "/" + name;
}

std::string find_command(const std::string& name, const std::string& except) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* variable = std::getenv("PATH");
  std::string path = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    std::string file = folder;
    file.append("/").append(name);
    if (!folder.empty() && folder != except && std::filesystem::is_regular_file(file) &&
        ::access(file.c_str(), X_OK) == 0)
      return file;
    begin = end + 1;
  }
  return {};
}

}  // namespace pml::ctl
