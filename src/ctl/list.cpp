#include <algorithm>
#include <set>

#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

struct Line {
  std::string name, socket, service, description, path;
  bool good = true;
  std::optional<ServiceStatus> status;

  [[nodiscard]] std::string counts() const {
    if (!status) return "-";
    return status->value("idle") + "/" + status->value("running") + "/" + status->value("served");
  }
};

Line line_of(Services& services, const profile::Listed& listed) {
  Line line{listed.name, services.socket_state(listed.name),
            "",          listed.description,
            listed.path, listed.good,
            std::nullopt};
  try {
    line.service = services.service_state(listed.name);
    line.status = services.status(listed.name);
  } catch (const Denied&) {
    line.service = "denied";
  }
  return line;
}

Colour colour_of(const std::string& state) {
  if (state == "active" || state == "standalone" || state == "listening") return Colour::good;
  if (state == "failed" || state == "denied") return Colour::bad;
  return Colour::faint;
}

Json json_of(const Line& line) {
  Json json = {{"profile", line.name}, {"socket", line.socket}, {"service", line.service},
               {"good", line.good},    {"file", line.path},     {"description", line.description}};
  if (line.status)
    for (const char* key : {"idle", "running", "served"}) json[key] = line.status->number(key);
  return json;
}

}  // namespace

int list(const Options& options) {
  Services services;
  std::vector<Line> lines;
  std::set<std::string> known;
  for (const profile::Listed& listed : profile::list(base::profile_folders())) {
    lines.push_back(line_of(services, listed));
    known.insert(listed.name);
  }
  for (const std::string& name : services.names())
    if (!known.contains(name))
      lines.push_back(line_of(services, {name, "", "(no such profile)", true}));
  if (options.json) {
    Json json = Json::array();
    for (const Line& line : lines) json.push_back(json_of(line));
    print_json(json);
    return 0;
  }
  Table table({"PROFILE", "SOCKET", "SERVICE", "IDLE/RUNNING/SERVED", "DESCRIPTION"});
  for (const Line& line : lines)
    table.add({{line.name, Colour::bold},
               {line.socket, colour_of(line.socket)},
               {line.service, colour_of(line.service)},
               {line.counts()},
               line.good ? Cell{line.description} : Cell{"bad: see pmlctl check", Colour::bad}});
  print(table.text(), options.pager);
  return 0;
}

}  // namespace pml::ctl
