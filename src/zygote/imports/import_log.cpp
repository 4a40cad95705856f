#include "zygote/imports/import_log.hpp"

#include <algorithm>
#include <utility>

#include "zygote/imports/heard.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

void ImportLog::start() {
  for (const auto& [key, value] : modules()) {
    known_.insert(py::str(key));
    graph_.number_of(std::string(py::str(key)));
  }
}

void ImportLog::begin(const std::string& name) {
  if (!is_recorded(name)) order_.push_back(name);
  records_[name];
  graph_.number_of(name);
  running_.push_back(name);
  tell_recorder(name.c_str());
}

void ImportLog::end() {
  running_.pop_back();
  tell_recorder(running_.empty() ? "" : running_.back().c_str());
}

ImportRecord& ImportLog::current() {
  return records_[running_.empty() ? std::string() : running_.back()];
}

void ImportLog::note(const std::string& module, worker::ProcessFact fact) {
  records_[module].facts.insert(std::move(fact));
}

int ImportLog::innermost() {
  return graph_.number_of(running_.empty() ? std::string() : running_.back());
}

void ImportLog::request(const std::string& name) {
  graph_.ask(innermost(), graph_.number_of(name));
}

bool ImportLog::request_at(const std::string& name, std::size_t at) {
  return graph_.ask_at(innermost(), graph_.number_of(name), at);
}

std::size_t ImportLog::request_count() {
  return graph_.asked_by(innermost()).size();
}

std::vector<std::string> ImportLog::requests_of(const std::string& name) const {
  std::vector<std::string> names;
  if (const auto number = graph_.find(name))
    for (const int asked : graph_.asked_by(*number)) names.push_back(graph_.name_of(asked));
  return names;
}

void ImportLog::note_new_modules() {
  for (const auto& [key, value] : modules()) {
    if (!py::isinstance<py::str>(key)) continue;
    const std::string name = py::str(key);
    if (is_known(name) || is_recorded(name)) continue;
    order_.push_back(name);
    records_[name].unimported = true;
    request(name);
  }
}

bool ImportLog::brings(const std::string& name, const std::string& other) const {
  const auto one = graph_.find(name);
  const auto two = graph_.find(other);
  return one && two && graph_.reach(*one).contains(*two);
}

void ImportLog::add_with_packages(const std::string& name, std::set<std::string>& names) {
  for (std::string one = name; !one.empty();) {
    names.insert(one);
    const std::size_t dot = one.rfind('.');
    one.resize(dot == std::string::npos ? 0 : dot);
  }
}

void ImportLog::reach(const std::string& name, std::set<std::string>& reached) const {
  add_with_packages(name, reached);
  if (const auto number = graph_.find(name))
    for (const int one : graph_.reach(*number).members()) reached.insert(graph_.name_of(one));
}

}  // namespace pml::zygote
