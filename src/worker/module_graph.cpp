#include "worker/module_graph.hpp"

#include <algorithm>

namespace pml::worker {

namespace {

/// `edges_of`: the modules that one leads to.
template <typename EdgesOf>
ModuleSet closure(int start, EdgesOf&& edges_of) {
  ModuleSet reached;
  std::vector<int> open{start};
  while (!open.empty()) {
    const int module = open.back();
    open.pop_back();
    if (!reached.insert(module)) continue;
    const auto& edges = edges_of(module);
    open.insert(open.end(), edges.begin(), edges.end());
  }
  return reached;
}

}  // namespace

bool ModuleSet::insert(int module) {
  const auto word = static_cast<std::size_t>(module) / k_bits;
  if (word >= words_.size()) words_.resize(word + 1);
  const std::uint64_t bit = std::uint64_t{1} << (module % k_bits);
  const bool added = (words_[word] & bit) == 0;
  words_[word] |= bit;
  return added;
}

void ModuleSet::merge(const ModuleSet& other) {
  if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

bool ModuleSet::meets(const ModuleSet& other) const noexcept {
  const std::size_t size = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < size; ++i)
    if ((words_[i] & other.words_[i]) != 0) return true;
  return false;
}

std::vector<int> ModuleSet::members() const {
  std::vector<int> found;
  for (std::size_t i = 0; i < words_.size(); ++i)
    for (std::uint64_t left = words_[i]; left != 0; left &= left - 1)
      found.push_back(static_cast<int>(i) * k_bits + __builtin_ctzll(left));
  return found;
}

int ModuleGraph::number_of(std::string_view name) {
  const auto [place, added] = numbers_.try_emplace(std::string(name), static_cast<int>(size()));
  if (added) nodes_.push_back({std::string(name), {}, {}, {}});
  return place->second;
}

std::optional<int> ModuleGraph::find(std::string_view name) const {
  const auto found = numbers_.find(std::string(name));
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

bool ModuleGraph::ask(int asker, int asked) {
  return ask_at(asker, asked, nodes_[asker].asked.size());
}

bool ModuleGraph::ask_at(int asker, int asked, std::size_t at) {
  Node& node = nodes_[asker];
  if (asker == asked || !node.asked_set.insert(asked)) return false;
  node.asked.insert(node.asked.begin() + static_cast<std::ptrdiff_t>(at), asked);
  return true;
}

void ModuleGraph::join(int one, int other) {
  if (one == other) return;
  nodes_[one].same.push_back(other);
  nodes_[other].same.push_back(one);
}

int ModuleGraph::package_of(int module) const {
  const std::string& name = nodes_[module].name;
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? -1 : find(name.substr(0, dot)).value_or(-1);
}

std::vector<int> ModuleGraph::needed_by(int module) const {
  std::vector<int> needed = nodes_[module].asked;
  if (const int package = package_of(module); package >= 0) needed.push_back(package);
  return needed;
}

ModuleSet ModuleGraph::reach(int module) const {
  return closure(module, [this](int one) { return needed_by(one); });
}

void ModuleGraph::settle() {
  std::vector<std::vector<int>> needed(size()), needing(size());
  for (std::size_t i = 0; i < size(); ++i) {
    needed[i] = needed_by(static_cast<int>(i));
    for (const int one : needed[i]) needing[one].push_back(static_cast<int>(i));
    needing[i].insert(needing[i].end(), nodes_[i].same.begin(), nodes_[i].same.end());
  }
  const auto in = [](const auto& edges) {
    return [&edges](int one) -> const std::vector<int>& { return edges[one]; };
  };
  brought_.clear();
  falling_.clear();
  for (int i = 0; i < static_cast<int>(size()); ++i) {
    brought_.push_back(closure(i, in(needed)));
    falling_.push_back(closure(i, in(needing)));
  }
  find_circles();
}

ModuleSet ModuleGraph::falling_with(const std::vector<int>& modules) const {
  ModuleSet all;
  for (const int module : modules) all.merge(falling_[module]);
  return all;
}

/// Who is brought by the other and brings it is in its circle.
void ModuleGraph::find_circles() {
  circles_.assign(size(), -1);
  openers_ = {};
  for (std::size_t i = 0; i < size(); ++i) {
    if (circles_[i] >= 0) continue;
    const int opener = static_cast<int>(i);  // the first by number
    for (const int other : brought_[i].members())
      if (brought_[other].contains(opener)) circles_[other] = opener;
  }
  for (std::size_t i = 0; i < size(); ++i) {
    const int module = static_cast<int>(i);
    if (first_executed(module) == first_executed(circles_[i])) openers_.insert(module);
  }
}

/// Whose code runs first where the module is the first of its circle to be imported: a package's
/// runs before that of what lies in it.
int ModuleGraph::first_executed(int module) const {
  int first = module;
  for (int package = package_of(module); package >= 0; package = package_of(package))
    if (circles_[package] == circles_[module]) first = package;
  return first;
}

}  // namespace pml::worker
