#include "worker/module_graph.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pml::worker {
namespace {

class Graph : public ::testing::Test {
 protected:
  /// "a: b c" for each module, in the order in which their imports began.
  void record(const std::vector<std::pair<std::string, std::vector<std::string>>>& imports) {
    for (const auto& [name, asked] : imports) graph.number_of(name);
    for (const auto& [name, asked] : imports)
      for (const std::string& one : asked) graph.ask(at(name), graph.number_of(one));
  }
  int at(const std::string& name) { return *graph.find(name); }
  bool brings(const std::string& one, const std::string& other) {
    return graph.brought_by(at(one)).contains(at(other));
  }
  bool falls(const std::string& one, const std::string& other) {
    return graph.falling_with(at(one)).contains(at(other));
  }
  ModuleGraph graph;
};

TEST_F(Graph, AnImportBringsWhatItAsksForAndThePackages) {
  record({{"user", {"pkg.a"}}, {"pkg", {"tool"}}, {"tool", {}}, {"pkg.a", {}}, {"pkg.b", {}}});
  graph.settle();
  EXPECT_TRUE(brings("user", "pkg.a") && brings("user", "pkg") && brings("user", "tool"));
  EXPECT_FALSE(brings("user", "pkg.b") || brings("pkg", "pkg.a"));
}

TEST_F(Graph, WhatNeedsAModuleFallsWithIt) {
  record({{"a", {"b"}}, {"b", {"c"}}, {"c", {}}, {"d", {}}});
  graph.settle();
  EXPECT_TRUE(falls("c", "a") && falls("c", "b") && falls("c", "c"));
  EXPECT_FALSE(falls("b", "c") || falls("c", "d"));
}

TEST_F(Graph, AModuleFallsWithItsPackageButNotThePackageWithIt) {
  record({{"pkg", {}}, {"pkg.child", {}}, {"pkg.child.leaf", {}}});
  graph.settle();
  EXPECT_TRUE(falls("pkg", "pkg.child") && falls("pkg", "pkg.child.leaf"));
  EXPECT_FALSE(falls("pkg.child", "pkg"));
}

TEST_F(Graph, APackageFallsWithAModuleOfItThatItAskedFor) {
  record({{"pkg", {"pkg.child"}}, {"pkg.child", {}}, {"pkg.other", {}}});
  graph.settle();
  EXPECT_TRUE(falls("pkg.child", "pkg") && falls("pkg.child", "pkg.other"));
}

TEST_F(Graph, TwoNamesOfAModuleFallTogether) {
  record({{"vendor", {"base"}}, {"base", {}}, {"vendor.base", {}}, {"user", {"vendor.base"}}});
  graph.join(at("base"), at("vendor.base"));
  graph.settle();
  EXPECT_TRUE(falls("base", "vendor.base") && falls("vendor.base", "base") &&
              falls("base", "user"));
}

TEST_F(Graph, OnlyWhoseImportBeganFirstOpensACircle) {
  record({{"a", {"b"}}, {"b", {"a"}}, {"alone", {}}});
  graph.settle();
  EXPECT_EQ(graph.circle_of(at("a")), graph.circle_of(at("b")));
  EXPECT_NE(graph.circle_of(at("a")), graph.circle_of(at("alone")));
  EXPECT_TRUE(graph.opens_circle(at("a")) && graph.opens_circle(at("alone")));
  EXPECT_FALSE(graph.opens_circle(at("b")));
}

TEST_F(Graph, APackageOpensTheCirclesWithinIt) {
  // "import pkg.a" began before "import pkg", whose code ran first.
  record({{"pkg.a", {"pkg.b"}}, {"pkg", {"pkg.a"}}, {"pkg.b", {"pkg.a", "pkg"}}});
  graph.settle();
  EXPECT_TRUE(graph.opens_circle(at("pkg")) && graph.opens_circle(at("pkg.b")));
}

TEST_F(Graph, WhatIsAskedForKeepsItsOrder) {
  record({{"a", {"b", "c"}}, {"b", {}}, {"c", {}}, {"d", {}}});
  EXPECT_TRUE(graph.ask_at(at("a"), at("d"), 0));
  EXPECT_FALSE(graph.ask(at("a"), at("d")));
  EXPECT_FALSE(graph.ask(at("a"), at("a")));
  EXPECT_EQ(graph.asked_by(at("a")), (std::vector<int>{at("d"), at("b"), at("c")}));
}

TEST_F(Graph, ReachNeedsNoSettling) {
  record({{"a", {"b"}}, {"b", {}}});
  EXPECT_TRUE(graph.reach(at("a")).contains(at("b")));
  graph.ask(at("b"), graph.number_of("late"));
  EXPECT_TRUE(graph.reach(at("a")).contains(at("late")));
}

TEST(ModuleSet, MeetsWhatHasOneInCommon) {
  ModuleSet one, other;
  EXPECT_FALSE(one.meets(other));
  one.insert(3);
  one.insert(200);
  EXPECT_FALSE(one.meets(other));
  other.insert(4);
  other.insert(199);
  EXPECT_FALSE(one.meets(other) || other.meets(one));
  other.insert(200);
  EXPECT_TRUE(one.meets(other) && other.meets(one));
}

TEST(ModuleSet, HoldsMoreThanAWord) {
  ModuleSet set;
  EXPECT_TRUE(set.insert(200) && set.insert(3));
  EXPECT_FALSE(set.insert(200));
  EXPECT_EQ(set.members(), (std::vector<int>{3, 200}));
  EXPECT_FALSE(set.contains(64) || set.contains(5000));
}

}  // namespace
}  // namespace pml::worker
