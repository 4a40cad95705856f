#include "ctl/status_view.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

namespace {

std::string label(const std::string& name) {
  const std::size_t width = 13;
  return std::string(width - std::min(width, name.size()), ' ') + name +
         (name.empty() ? "  " : ": ");
}

void add(std::string& text, const std::string& name, const std::string& value) {
  if (!value.empty()) text += label(name) + value + "\n";
}

std::string ago(std::uint64_t when) {
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  return duration_text((now > when ? now - when : 0) * 1000000) + " ago";
}

std::string state_of(const ServiceStatus& status) {
  const std::string state = status.value("state");
  const Colour colour = state == "warm"     ? Colour::good
                        : state == "broken" ? Colour::bad
                                            : Colour::warning;
  std::string text = coloured(state, colour);
  if (const auto since = static_cast<std::time_t>(status.number("warm-since")); since != 0) {
    char when[64];
    std::tm parts{};
    ::localtime_r(&since, &parts);
    std::strftime(when, sizeof when, "%a %F %T %Z", &parts);
    text += std::string(" since ") + when + "; " + ago(static_cast<std::uint64_t>(since));
  }
  if (const std::string activity = status.value("activity"); !activity.empty())
    text += "; " + activity;
  return text;
}

std::string counts_of(const ServiceStatus& status) {
  std::string text;
  for (const char* key : {"idle", "running", "queued", "served"})
    text += (text.empty() ? "" : ", ") + status.value(key) + " " + key;
  return text;
}

std::string refusals_of(const ServiceStatus& status) {
  std::string text;
  for (const auto& [reason, count] : status.refused)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  return text;
}

std::string memory_text(const PoolMemory& memory) {
  if (memory.processes == 0) return {};
  return size_text(memory.all.pss) + " in " + std::to_string(memory.processes) + " processes (" +
         size_text(memory.all.shared) + " shared, " + size_text(memory.all.own) + " private)";
}

std::string latency_text(const ServiceStatus& status) {
  if (status.number("launch-p99-usec") == 0) return {};
  return duration_text(status.number("launch-p50-usec")) + " median, " +
         duration_text(status.number("launch-p95-usec")) + " 95 %, " +
         duration_text(status.number("launch-p99-usec")) + " 99 %";
}

/// "black 174 ms, pip 80 ms; 12 launches have saved 2.1 s; 41 MiB".
std::string programs_text(const ServiceStatus& status) {
  std::string text;
  for (const AheadProgram& program : status.programs)
    text += (text.empty() ? "" : ", ") + program.name + " " +
            (program.state == "ready" ? duration_text(program.saves_usec) : program.state);
  if (text.empty()) return text;
  text += "; " + status.value("programs-warm") + " launches have saved " +
          duration_text(status.number("programs-saved-usec"));
  return text + "; " + size_text(status.number("programs-memory") / 1024) +
         "; pmlctl programs tells more";
}

void add_preloads(std::string& text, const ServiceStatus& status) {
  constexpr std::size_t most = 8;
  auto preloads = status.preloads;
  std::stable_sort(preloads.begin(), preloads.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < preloads.size(); ++i) {
    const auto& [name, usec] = preloads[i];
    if (i < most)
      add(text, "Preload", name + "  " + coloured(duration_text(usec), Colour::faint));
    else
      rest += usec;
  }
  if (preloads.size() > most)
    add(text, "",
        "and " + std::to_string(preloads.size() - most) + " more in " + duration_text(rest));
}

std::string jobs_table(const ServiceStatus& status) {
  Table table({"JOB", "ENDED", ">TOOK", "COMMAND"});
  for (const PastJob& job : status.last_jobs)
    table.add({{job.name},
               {end_text(job.end), job.end == "exited:0" ? Colour::none : Colour::warning},
               {duration_text(job.duration_usec)},
               {job.command}});
  return table.empty() ? "" : "\n" + table.text();
}

}  // namespace

std::string last_refusal_text(const ServiceStatus& status) {
  const std::string last = status.value("last-refused");
  if (last.empty()) return {};
  const std::size_t blank = std::min(last.find(' '), last.size());
  std::string text =
      ago(std::strtoull(last.c_str() + blank, nullptr, 10)) + ", " + last.substr(0, blank);
  if (const std::string detail = status.value("last-refused-detail"); !detail.empty())
    text += " (" + detail + ")";
  if (const std::string command = status.value("last-refused-command"); !command.empty())
    text += ": " + command;
  return text;
}

std::string end_text(const std::string& end) {
  const std::size_t colon = std::min(end.find(':'), end.size());
  const std::string number = colon < end.size() ? end.substr(colon + 1) : "";
  if (end.starts_with("exited")) return "status " + number;
  const char* name = ::sigabbrev_np(std::atoi(number.c_str()));  // NOLINT: 0 is no signal either
  return name != nullptr ? "SIG" + std::string(name) : "signal " + number;
}

std::string status_view(const ServiceStatus& status, const PoolMemory& memory) {
  std::string text =
      coloured("● ", status.value("state") == "warm" ? Colour::good : Colour::warning) +
      coloured(status.value("profile"), Colour::bold) + "\n";
  add(text, "State", state_of(status));
  add(text, "Interpreter", status.value("interpreter"));
  add(text, "Processes",
      "pmld " + status.value("pid") + ", zygote " + status.value("zygote") + " (number " +
          status.value("generation") + ")");
  add(text, "Pool", counts_of(status));
  add(text, "Stepped aside", refusals_of(status));
  add(text, "Lately", last_refusal_text(status));
  add(text, "Launches", latency_text(status));
  add(text, "Memory", memory_text(memory));
  add(text, "Run ahead", programs_text(status));
  add(text, "Profile error", coloured(status.value("profile-error"), Colour::bad));
  add_preloads(text, status);
  for (const auto& [name, why] : status.failed)
    add(text, "Failed", coloured(name, Colour::bad) + "  " + why);
  for (const auto& [name, why] : status.quarantined)
    add(text, "Quarantined", coloured(name, Colour::bad) + "  " + why);
  for (const auto& [name, why] : status.not_shared)
    add(text, "Not shared", std::string(name).append("  ").append(why));
  return text + jobs_table(status);
}

}  // namespace pml::ctl
