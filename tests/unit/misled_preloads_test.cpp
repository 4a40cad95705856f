#include "service/misled_preloads.hpp"

#include <gtest/gtest.h>

namespace pml::service {
namespace {

void note(MisledPreloads& misled, int times, std::string_view variable) {
  for (int i = 0; i < times; ++i) EXPECT_FALSE(misled.note("pandas", variable));
}

TEST(MisledPreloads, FollowsCallersThatAgree) {
  MisledPreloads misled;
  note(misled, 2, "PATH=/bin");
  EXPECT_TRUE(misled.note("pandas", "PATH=/bin"));
  Variables environment = {"PATH=/usr/bin", "PATHS=x", "HOME=/"};
  misled.apply_to(environment);
  EXPECT_EQ(environment, (Variables{"PATHS=x", "HOME=/", "PATH=/bin"}));
  EXPECT_TRUE(misled.renounced().empty());
}

TEST(MisledPreloads, UnsetsWhatCallersDoNotHave) {
  MisledPreloads misled;
  note(misled, 2, "DEBUG");
  EXPECT_TRUE(misled.note("pandas", "DEBUG"));
  Variables environment = {"DEBUG=1", "HOME=/"};
  misled.apply_to(environment);
  EXPECT_EQ(environment, Variables{"HOME=/"});
}

TEST(MisledPreloads, RenouncesAfterHavingFollowed) {
  MisledPreloads misled;
  note(misled, 2, "PATH=/bin");
  EXPECT_TRUE(misled.note("pandas", "PATH=/bin"));
  note(misled, 2, "PATH=/sbin");
  EXPECT_TRUE(misled.note("pandas", "PATH=/sbin"));
  EXPECT_TRUE(misled.renounced().contains("pandas"));
  EXPECT_FALSE(misled.note("pandas", "PATH=/sbin"));  // of a worker from before
}

TEST(MisledPreloads, RenouncesWhereEachHasAnother) {
  MisledPreloads misled;
  for (const char* variable : {"SEAT=1", "SEAT=2", "SEAT=3", "SEAT=4", "SEAT=5"})
    EXPECT_FALSE(misled.note("pandas", variable));
  EXPECT_TRUE(misled.note("pandas", "SEAT=6"));
  EXPECT_EQ(misled.renounced().at("pandas"), "it reads SEAT, which programs differ in");
}

TEST(MisledPreloads, AFewDoNotCountAgainstTheMany) {
  MisledPreloads misled;
  for (int i = 0; i < 50; ++i) misled.note_served();
  note(misled, 49, "PATH=/bin");
  EXPECT_TRUE(misled.note("pandas", "PATH=/bin"));
}

TEST(MisledPreloads, WhatWasLongAgoCountsLess) {
  MisledPreloads misled;
  for (int i = 0; i < 1000; ++i) misled.note_served();
  int turned_away = 1;
  while (turned_away < 1000 && !misled.note("pandas", "PATH=/bin")) ++turned_away;
  EXPECT_LE(turned_away, 100);
}

TEST(MisledPreloads, NeverFollowsWhatMakesAnotherInterpreter) {
  for (const std::string variable : {"PYTHONHASHSEED=0", "HOME=/root", "LC_ALL=C", ""}) {
    MisledPreloads misled;
    note(misled, 5, variable);
    EXPECT_TRUE(misled.note("pandas", variable));
    EXPECT_TRUE(misled.renounced().contains("pandas")) << variable;
  }
}

}  // namespace
}  // namespace pml::service
