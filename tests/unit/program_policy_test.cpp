#include "service/program_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using pml::service::LearningLimits;
using pml::service::ProgramPolicy;
using pml::service::Standing;
using Ids = std::vector<std::uint64_t>;

constexpr std::uint64_t k_mebi = 1U << 20;

// Programs as launches and processes would make them.
struct World {
  ProgramPolicy policy;
  std::vector<Standing> programs;
  std::uint64_t now = 1000;

  explicit World(LearningLimits limits = {}) { policy.set_limits(limits); }
  Standing& add(unsigned launches, std::uint64_t saves_usec = 0, std::uint64_t mebibytes = 0) {
    Standing standing;
    standing.id = programs.size() + 1;
    standing.has_caller = true;
    standing.launches_today = launches;
    standing.saves_usec = saves_usec;
    standing.memory = mebibytes * k_mebi;
    programs.push_back(standing);
    return programs.back();
  }
  Standing& add_running(std::uint64_t saves_usec, std::uint64_t mebibytes) {
    Standing& standing = add(3, saves_usec, mebibytes);
    standing.running_ahead = true;
    return standing;
  }
  std::uint64_t next() const { return policy.next(programs, now).value_or(0); }
  Ids surplus() const { return policy.surplus(programs); }
};

TEST(ProgramPolicy, TheThirdLaunchOfADayIsEnough) {
  World world;
  world.add(2);
  EXPECT_EQ(world.next(), 0U);
  world.programs[0].launches_today = 3;
  EXPECT_EQ(world.next(), 1U);
}

TEST(ProgramPolicy, ADeclaredOneNeedsItsFirstCallerOnly) {
  World world({false, 0, 0});
  Standing& program = world.add(0);
  program.declared = true;
  program.has_caller = false;
  EXPECT_EQ(world.next(), 0U);
  world.programs[0].has_caller = true;
  EXPECT_EQ(world.next(), 1U);
}

TEST(ProgramPolicy, DeclaredOnesComeBeforeLearnedOnes) {
  World world;
  world.add(3, 900000, 1);
  world.add(1).declared = true;
  EXPECT_EQ(world.next(), 2U);
}

TEST(ProgramPolicy, WhatRunsOrIsGivenUpOrRestsIsNotStarted) {
  World world;
  world.add_running(50000, 1);
  world.add(3).given_up = true;
  world.add(3).rests_until = 2000;
  EXPECT_EQ(world.next(), 0U);
  world.now = 2000;
  EXPECT_EQ(world.next(), 3U);
}

TEST(ProgramPolicy, WhatSavesMostForItsMemoryIsStartedFirst) {
  World world;
  world.add(3, 100000, 50);
  world.add(3, 100000, 10);
  EXPECT_EQ(world.next(), 2U);
}

TEST(ProgramPolicy, WhatSavesLeastForItsMemoryGoesFirst) {
  World world({true, 100 * k_mebi, 16});
  world.add_running(100000, 40);
  world.add_running(100000, 60);
  EXPECT_EQ(world.surplus(), Ids{});
  world.add_running(90000, 30);
  EXPECT_EQ(world.surplus(), Ids{2});
}

TEST(ProgramPolicy, NoMoreThanMost) {
  World world({true, 1000 * k_mebi, 2});
  world.add_running(50000, 1);
  world.add_running(60000, 1);
  world.add_running(70000, 1);
  EXPECT_EQ(world.surplus(), Ids{1});
}

TEST(ProgramPolicy, ALearnedOneMakesRoomForABetterOneOnly) {
  World world({true, 1000 * k_mebi, 1});
  world.add_running(50000, 1);
  world.add(3, 40000, 1);
  EXPECT_EQ(world.next(), 0U);
  world.add(3, 60000, 1);
  EXPECT_EQ(world.next(), 3U);
}

TEST(ProgramPolicy, OneThatIsNotKnownIsTriedBesideTheOthers) {
  World world({true, 1000 * k_mebi, 1});
  world.add_running(50000, 1);
  world.add(3);
  EXPECT_EQ(world.next(), 2U);
  world.programs[1].running_ahead = true;
  EXPECT_EQ(world.surplus(), Ids{}) << "nothing has to go before it is known";
  world.programs[1].saves_usec = 90000;
  EXPECT_EQ(world.surplus(), Ids{}) << "nor before it is known what it takes";
  world.programs[1].memory = k_mebi;
  EXPECT_EQ(world.surplus(), Ids{1});
}

TEST(ProgramPolicy, AmongEqualOnesNoneTakesAnothersPlace) {
  World world({true, 1000 * k_mebi, 1});
  world.add_running(50000, 10);
  world.add(3, 52000, 10);
  EXPECT_EQ(world.next(), 0U);
}

TEST(ProgramPolicy, DeclaredOnesStayWhateverTheyTake) {
  World world({true, 10 * k_mebi, 1});
  world.add_running(20000, 900).declared = true;
  world.policy.set_pressure(true);
  EXPECT_EQ(world.surplus(), Ids{});
}

TEST(ProgramPolicy, UnderPressureOneMoreGoesEachTimeAndNoneComes) {
  World world;
  world.add_running(50000, 10);
  world.add_running(60000, 10);
  world.add(3);
  world.policy.set_pressure(true);
  EXPECT_EQ(world.surplus(), Ids{1});
  EXPECT_EQ(world.next(), 0U);
  world.policy.set_pressure(false);
  EXPECT_EQ(world.surplus(), Ids{});
}

TEST(ProgramPolicy, WhatNobodyStartedForADayGoes) {
  World world;
  world.add_running(50000, 1).launches_today = 0;
  EXPECT_EQ(world.surplus(), Ids{1});
}

TEST(ProgramPolicy, WithoutLearningAllLearnedOnesGo) {
  World world({false, 1000 * k_mebi, 16});
  world.add_running(50000, 1);
  world.add_running(0, 0);
  EXPECT_EQ(world.surplus(), (Ids{1, 2}));
  world.add(9);
  EXPECT_EQ(world.next(), 0U);
}

TEST(ProgramPolicy, RestsGrowAndAreBounded) {
  EXPECT_EQ(ProgramPolicy::rest_after(0).count(), 0);
  EXPECT_LT(ProgramPolicy::rest_after(1), ProgramPolicy::rest_after(2));
  EXPECT_EQ(ProgramPolicy::rest_after(99), ProgramPolicy::rest_after(98));
}

TEST(ProgramPolicy, WhatFailedIsTriedAgainTheSameDay) {
  const auto day = ProgramPolicy::patience_after(0);
  EXPECT_LT(ProgramPolicy::patience_after(1) * 10, day);
  EXPECT_LT(ProgramPolicy::patience_after(1), ProgramPolicy::patience_after(2));
  EXPECT_EQ(ProgramPolicy::patience_after(99), day);
}

}  // namespace
