#include "ctl/answer.hpp"

#include <algorithm>
#include <charconv>

namespace pml::ctl {

namespace {

std::uint64_t number_of(std::string_view text) noexcept {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Cuts the first word off `text`, with the blank behind it.
std::string_view cut(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <typename Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void take_line(ServiceStatus& status, std::string_view line) {
  const std::string_view key = cut(line);
  if (key == "preload") {
    const std::string name(cut(line));
    status.preloads.emplace_back(name, number_of(line));
  } else if (key == "failed-preload") {
    const std::string name(cut(line));
    status.failed.emplace_back(name, line);
  } else if (key == "quarantined") {
    const std::string name(cut(line));
    status.quarantined.emplace_back(name, line);
  } else if (key == "not-shared") {
    const std::string name(cut(line));
    status.not_shared.emplace_back(name, line);
  } else if (key == "program") {
    AheadProgram program;
    program.name = cut(line);
    program.state = cut(line);
    for (std::uint64_t* number :
         {&program.launches, &program.warm, &program.saves_usec, &program.memory})
      *number = number_of(cut(line));
    status.programs.push_back(std::move(program));
  } else if (key == "last-job") {
    PastJob job;
    job.name = cut(line);
    job.end = cut(line);
    job.duration_usec = number_of(cut(line));
    job.command = line;
    status.last_jobs.push_back(std::move(job));
  } else if (key.starts_with("refused.")) {
    status.refused.emplace(key.substr(8), number_of(line));
  } else {
    status.values.emplace(key, line);
  }
}

}  // namespace

std::string ServiceStatus::value(const std::string& key) const {
  const auto found = values.find(key);
  return found != values.end() ? found->second : std::string();
}

std::uint64_t ServiceStatus::number(const std::string& key) const {
  return number_of(value(key));
}

ServiceStatus parse_status(std::string_view answer) {
  ServiceStatus status;
  for_each_line(answer, [&](std::string_view line) { take_line(status, line); });
  return status;
}

std::vector<RunningJob> parse_jobs(std::string_view answer) {
  std::vector<RunningJob> jobs;
  for_each_line(answer, [&](std::string_view line) {
    RunningJob job;
    job.name = cut(line);
    job.state = cut(line);
    job.seconds = number_of(cut(line));
    job.command = line;
    jobs.push_back(std::move(job));
  });
  return jobs;
}

}  // namespace pml::ctl
