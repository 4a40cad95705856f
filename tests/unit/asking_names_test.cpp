// Two tables say which names of Python ask about the process: one for what preloads do, one for
// programs that run ahead. What each asks is the same.
#include "zygote/questions/asking_names.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "ahead/questions.hpp"

namespace pml::zygote {
namespace {

using ahead::Becomes;

TEST(AskingNames, EachIsThereOnce) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const AskingFunction& one : k_asking_functions)
    EXPECT_TRUE(seen.emplace(one.module, one.name).second) << one.module << "." << one.name;
  std::set<std::string> names;
  for (const SystemName& one : k_system_names)
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
}

TEST(AskingNames, OfStreamsAndOfSysAreNoneOfFunctions) {
  for (const AskingFunction& one : k_asking_functions)
    for (const SystemName& name : k_system_names)
      EXPECT_FALSE(std::string_view(one.module) == "sys" && std::string_view(one.name) == name.name)
          << one.name;
}

/// What a program that runs ahead does at the same name is no less careful.
TEST(AskingNames, AreHeardInProgramsThatRunAheadToo) {
  for (const AskingFunction& one : k_asking_functions) {
    if (!ahead::is_watched(one.module)) continue;
    const auto becomes = ahead::what_becomes_of(one.module, one.name);
    ASSERT_TRUE(becomes) << one.name;
    // An audit event tells of open, and how; ignored signals are the same by the template's start,
    // and limits are compared with each caller.
    const std::string_view name = one.name;
    if (name == "open" || name == "getsignal" || one.kind == worker::FactKind::limit) continue;
    EXPECT_NE(*becomes, Becomes::harmless) << one.module << "." << one.name;
  }
}

TEST(AskingNames, OfOneKindAreAFactOfThatKindAhead) {
  const auto becomes = [](worker::FactKind kind) -> std::optional<Becomes> {
    switch (kind) {
      case worker::FactKind::folder:
        return Becomes::folder;
      case worker::FactKind::umask:
        return Becomes::mask;
      case worker::FactKind::affinity:
        return Becomes::affinity;
      default:
        return std::nullopt;
    }
  };
  for (const AskingFunction& one : k_asking_functions)
    if (const auto expected = becomes(one.kind)) {
      EXPECT_EQ(ahead::what_becomes_of(one.module, one.name), expected) << one.name;
    }
}

TEST(AskingNames, TheClockIsOneForBoth) {
  for (const AskingFunction& one : k_asking_functions) {
    const std::string_view module = one.module;
    const bool clock =
        (module == "time" || module == "_datetime") && one.kind == worker::FactKind::own;
    if (clock) {
      EXPECT_EQ(ahead::what_becomes_of(module, one.name), Becomes::clock) << one.name;
    }
  }
}

TEST(FactKinds, EachHasItsName) {
  EXPECT_STREQ(worker::name_of(worker::FactKind::own), "own");
  EXPECT_STREQ(worker::name_of(worker::FactKind::umask), "umask");
  EXPECT_STREQ(worker::name_of(worker::FactKind::added_folders), "added_folders");
}

}  // namespace
}  // namespace pml::zygote
