#include "trial/snapshot.hpp"

#include <algorithm>
#include <set>

namespace pml::trial {

namespace {

const std::string* value_of(const Snapshot& snapshot, const std::string& key) {
  const auto found = snapshot.find(key);
  return found == snapshot.end() ? nullptr : &found->second;
}

bool same(const std::string* one, const std::string* other) {
  return one == nullptr || other == nullptr ? one == other : *one == *other;
}

}  // namespace

Snapshot snapshot_of(std::string_view text) {
  Snapshot snapshot;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t tab = line.find('\t');
    if (tab != std::string_view::npos) snapshot.emplace(line.substr(0, tab), line.substr(tab + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return snapshot;
}

std::vector<std::string> differences(const Snapshot& warm, const std::vector<Snapshot>& colds) {
  const Snapshot& cold = colds.front();
  std::set<std::string> keys;
  for (const Snapshot* snapshot : {&warm, &cold})
    for (const auto& [key, value] : *snapshot) keys.insert(key);
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    const std::string *const hot = value_of(warm, key), *const one = value_of(cold, key);
    const auto varies = [&](const Snapshot& other) { return !same(one, value_of(other, key)); };
    if (same(hot, one) || std::any_of(colds.begin(), colds.end(), varies)) continue;
    if (one == nullptr)
      found.push_back(key + " is there under pml only");
    else if (hot == nullptr)
      found.push_back(key + " is missing under pml");
    else
      found.push_back(key + " is " + *hot + " under pml, not " + *one);
  }
  return found;
}

}  // namespace pml::trial
