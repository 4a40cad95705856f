#include "zygote/import_log.hpp"

#include <algorithm>
#include <utility>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

void ImportLog::start() {
  for (const auto& [key, value] : modules()) known_.insert(py::str(key));
}

void ImportLog::begin(const std::string& name) {
  if (!is_recorded(name)) order_.push_back(name);
  records_[name];
  running_.push_back(name);
}

ImportRecord& ImportLog::current() {
  return records_[running_.empty() ? std::string() : running_.back()];
}

void ImportLog::note(const std::string& module, worker::ProcessFact fact) {
  records_[module].facts.insert(std::move(fact));
}

void ImportLog::request(const std::string& name) {
  if (is_known(name) || (!running_.empty() && running_.back() == name)) return;
  ImportRecord& record = current();
  if (record.requested.insert(name).second) record.requests.push_back(name);
}

bool ImportLog::request_at(const std::string& name, std::ptrdiff_t at) {
  ImportRecord& record = current();
  if (!record.requested.insert(name).second) return false;
  record.requests.insert(record.requests.begin() + at, name);
  return true;
}

void ImportLog::note_new_modules() {
  for (const auto& [key, value] : modules()) {
    if (!py::isinstance<py::str>(key)) continue;
    const std::string name = py::str(key);
    if (is_known(name) || is_recorded(name)) continue;
    order_.push_back(name);
    records_[name];
    request(name);
  }
}

bool ImportLog::brings(const std::string& name, const std::string& other) const {
  std::set<std::string> reached;
  reach(name, reached);
  return reached.count(other) != 0;
}

void ImportLog::reach(const std::string& name, std::set<std::string>& reached) const {
  std::vector<std::string> open{name};
  while (!open.empty()) {
    const std::string one = std::move(open.back());
    open.pop_back();
    if (!reached.insert(one).second) continue;
    if (const std::size_t dot = one.rfind('.'); dot != std::string::npos)
      open.push_back(one.substr(0, dot));
    if (const auto record = records_.find(one); record != records_.end())
      open.insert(open.end(), record->second.requests.begin(), record->second.requests.end());
  }
}

}  // namespace pml::zygote
