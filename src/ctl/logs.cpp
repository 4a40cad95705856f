#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "ctl/command.hpp"
#include "ctl/pool_control.hpp"
#include "ctl/process.hpp"

namespace pml::ctl {

namespace {

/// Those up to it write into the system's journal, and have none of their own for --user to read.
constexpr uid_t k_last_system_user = 999;

[[noreturn]] void become(std::vector<std::string> words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  throw Failure(k_exit_failure,
                "cannot execute " + words[0] + ": " + std::strerror(errno) + "; install it");
}

std::vector<std::string> of_file(const Options& options, const std::string& file) {
  std::vector<std::string> words = {"tail", "-n",
                                    options.lines != 0 ? std::to_string(options.lines) : "+1"};
  if (options.follow) words.emplace_back("-f");
  words.push_back(file);
  return words;
}

std::vector<std::string> of_journal(const Options& options, const std::string& unit) {
  std::vector<std::string> words = {"journalctl", "--user-unit=" + unit};
  if (::getuid() > k_last_system_user) words.emplace_back("--user");
  if (options.follow) words.emplace_back("-f");
  if (options.lines != 0) words.insert(words.end(), {"-n", std::to_string(options.lines)});
  if (!options.pager) words.emplace_back("--no-pager");
  return words;
}

}  // namespace

int logs(const Options& options) {
  Services services;
  const std::string name = profile_of(options);
  require_name(name);
  require_known(services, name);
  std::error_code error;
  const std::string file = standalone_log(name);
  if (std::filesystem::exists(file, error)) become(of_file(options, file));
  if (!services.manager())
    throw Failure(k_exit_not_running, "the pool \"" + name +
                                          "\" was not started by pmlctl and no user manager runs: "
                                          "its log is where pmld's standard error goes; or: pmlctl "
                                          "restart " +
                                          name);
  become(of_journal(options, service_unit(name)));
}

}  // namespace pml::ctl
