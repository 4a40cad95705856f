#include "zygote/division.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "worker/stash.hpp"

namespace pml::zygote {

namespace {

/// The first question of the kind that one program's answer is of no use to another.
std::optional<std::string> unshareable_question(const ImportRecord& record) {
  for (const worker::ProcessFact& fact : record.facts) {
    if (fact.kind == worker::FactKind::own) return fact.name;
    if (fact.kind == worker::FactKind::folder) return "the current folder";
  }
  return std::nullopt;
}

/// The modules and all that need one of them.
std::set<std::string> with_those_that_need(const std::vector<Unshareable>& modules,
                                           const ImportLog& log) {
  std::map<std::string, std::vector<std::string>> askers;
  for (const std::string& name : log.order()) {
    for (const std::string& request : log.at(name).requests) askers[request].push_back(name);
    if (const std::size_t dot = name.rfind('.'); dot != std::string::npos)
      askers[name.substr(0, dot)].push_back(name);
  }
  std::set<std::string> found;
  std::vector<std::string> open;
  open.reserve(modules.size());
  for (const Unshareable& one : modules) open.push_back(one.module);
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (!found.insert(name).second) continue;
    const auto& more = askers[name];
    open.insert(open.end(), more.begin(), more.end());
  }
  return found;
}

}  // namespace

Division divide(const ImportLog& log) {
  Division division;
  for (const std::string& name : log.order()) {
    const auto question = unshareable_question(log.at(name));
    const auto index = worker::stash().find(name);
    if (!question || !index || worker::stash().at(*index).own_renewed) continue;
    division.unshareable.push_back({name, *question});
  }
  if (division.unshareable.empty()) return division;
  const std::set<std::string> excluded = with_those_that_need(division.unshareable, log);
  std::set<std::string> wanted;
  for (const std::string& name : excluded) {
    if (!log.is_recorded(name)) continue;
    const ImportRecord& record = log.at(name);
    wanted.insert(record.requests.begin(), record.requests.end());
  }
  for (const std::string& name : log.order())
    if (wanted.count(name) != 0 && excluded.count(name) == 0) division.pieces.push_back(name);
  division.excluded.assign(excluded.begin(), excluded.end());
  return division;
}

}  // namespace pml::zygote
