#include "zygote/division.hpp"

#include <optional>
#include <set>
#include <utility>

#include "worker/stash.hpp"
#include "zygote/changes/enrolments.hpp"

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

/// The first that a job could see which does not import the module.
std::optional<std::string> unshareable_enrolment(const ImportLog& log, const std::string& name) {
  for (const Enrolment& enrolment : log.at(name).enrolments)
    if (is_seen_without(log, name, enrolment)) return enrolment.what;
  return std::nullopt;
}

}  // namespace

Division divide(const ImportLog& log) {
  Division division;
  for (const std::string& name : log.order()) {
    const auto question = unshareable_question(log.at(name));
    const auto index = worker::stash().find(name);
    const std::string& differs = log.at(name).differs;
    const std::optional<std::string> enrolled = unshareable_enrolment(log, name);
    if (!differs.empty())
      division.unshareable.push_back({name, "a job would not find what python3 does: " + differs});
    else if (enrolled)
      division.unshareable.push_back({name, "it registers " + *enrolled + " when it is imported"});
    else if (question && index && !worker::stash().at(*index).own_renewed)
      division.unshareable.push_back({name, "it uses " + *question + " when it is imported"});
  }
  if (division.unshareable.empty()) return division;
  const worker::ModuleGraph& graph = worker::stash().graph();
  std::vector<int> numbers;
  for (const Unshareable& one : division.unshareable) numbers.push_back(*graph.find(one.module));
  std::set<std::string> excluded;
  std::set<std::string> wanted;
  for (const int one : graph.falling_with(numbers).members()) {
    excluded.insert(graph.name_of(one));
    for (const int asked : graph.asked_by(one)) wanted.insert(graph.name_of(asked));
  }
  for (const std::string& name : log.order())
    if (wanted.count(name) != 0 && excluded.count(name) == 0) division.pieces.push_back(name);
  division.excluded.assign(excluded.begin(), excluded.end());
  return division;
}

}  // namespace pml::zygote
