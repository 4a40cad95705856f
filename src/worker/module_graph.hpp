#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pml::worker {

/// A set of modules, by their numbers in a graph.
class ModuleSet {
 public:
  [[nodiscard]] bool contains(int module) const noexcept {
    const auto word = static_cast<std::size_t>(module) / k_bits;
    return word < words_.size() && (words_[word] >> (module % k_bits) & 1U) != 0;
  }
  /// Returns whether it was not there before.
  bool insert(int module);
  void merge(const ModuleSet& other);
  /// Whether they have one in common.
  [[nodiscard]] bool meets(const ModuleSet& other) const noexcept;
  /// Ascending.
  [[nodiscard]] std::vector<int> members() const;

 private:
  static constexpr int k_bits = 64;
  std::vector<std::uint64_t> words_;
};

/// Which module's import asks for which others, which module lies in which package, and which names
/// stand for one and the same module. Says what an import brings, and what falls when a module
/// cannot be what it was: the one place that knows.
///
/// A module that asks for another may have taken anything from it, and a module in a package is
/// found by way of the package: both fall with it. What a package's import did not ask for can fall
/// without the package.
class ModuleGraph {
 public:
  /// The module's number; a new one where the name is not known yet.
  int number_of(std::string_view name);
  [[nodiscard]] std::optional<int> find(std::string_view name) const;
  [[nodiscard]] const std::string& name_of(int module) const { return nodes_[module].name; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

  /// The one's import asks for the other, after all that it asked for before, or in front of what
  /// it asked for from place `at` on. Returns false where it had asked for it.
  bool ask(int asker, int asked);
  bool ask_at(int asker, int asked, std::size_t at);
  /// Two names of one module.
  void join(int one, int other);

  /// What the module's import asked for, in order.
  [[nodiscard]] const std::vector<int>& asked_by(int module) const { return nodes_[module].asked; }
  /// The package that the module lies in; -1 where it is in none, or in one that is not known.
  [[nodiscard]] int package_of(int module) const;

  /// Works out the answers to the questions below. What was added since is not in them.
  void settle();
  /// All that importing the module brings: itself, its package, what it asks for, and so on.
  [[nodiscard]] const ModuleSet& brought_by(int module) const { return brought_[module]; }
  /// All that cannot be what it was where the module is not: itself and what needs it.
  [[nodiscard]] const ModuleSet& falling_with(int module) const { return falling_[module]; }
  /// The same for many.
  [[nodiscard]] ModuleSet falling_with(const std::vector<int>& modules) const;
  /// Modules that ask for each other in a circle have one number in common, which no other has.
  [[nodiscard]] int circle_of(int module) const { return circles_[module]; }
  /// Whether the module's circle, if it is in one, would be entered as it was in the record if the
  /// module were the first of it to be imported. What comes of a circle depends on that: the
  /// numbers are given in the order in which the imports began.
  [[nodiscard]] bool opens_circle(int module) const { return openers_.contains(module); }
  /// What importing the module brings by what is known so far, settled or not.
  [[nodiscard]] ModuleSet reach(int module) const;

 private:
  struct Node {
    std::string name;
    std::vector<int> asked;
    ModuleSet asked_set;
    std::vector<int> same;
  };
  [[nodiscard]] std::vector<int> needed_by(int module) const;
  void find_circles();
  [[nodiscard]] int first_executed(int module) const;

  std::vector<Node> nodes_;
  std::unordered_map<std::string, int> numbers_;
  std::vector<ModuleSet> brought_, falling_;
  std::vector<int> circles_;
  ModuleSet openers_;
};

}  // namespace pml::worker
