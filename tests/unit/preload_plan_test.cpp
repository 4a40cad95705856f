#include "service/preload_plan.hpp"

#include <gtest/gtest.h>

#include "service/zygote_retries.hpp"

namespace pml::service {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string_view>;

PreloadPlan plan_of_four() {
  profile::Profile profile;
  profile.modules = {"a", "b", "c"};
  profile.optional = {"d"};
  profile.after_fork = {"e"};
  profile.warmup = {"b:start", "c:start"};
  PreloadPlan plan;
  plan.begin(profile);
  plan.begin_zygote();
  return plan;
}

TEST(PreloadPlan, TheFirstZygoteImportsWhatTheProfileNames) {
  wire::Boot boot;
  const PreloadPlan plan = plan_of_four();
  plan.fill(boot);
  EXPECT_EQ(boot.modules, (Names{"a", "b", "c"}));
  EXPECT_EQ(boot.optional, Names{"d"});
  EXPECT_EQ(boot.after_fork, Names{"e"});
  EXPECT_EQ(boot.warmup, (Names{"b:start", "c:start"}));
  EXPECT_TRUE(boot.avoided.empty() && boot.pieces.empty());
}

TEST(PreloadPlan, WhatIsGivenUpIsAvoidedAndSaid) {
  PreloadPlan plan = plan_of_four();
  plan.give_up("c:start", "it hung");
  plan.give_up("a", "it crashed");
  plan.begin_zygote();
  wire::Boot boot;
  plan.fill(boot);
  EXPECT_EQ(boot.modules, (Names{"b", "c"}));
  EXPECT_EQ(boot.warmup, Names{"b:start"});
  EXPECT_EQ(boot.avoided, (Names{"a", "c"}));
  ASSERT_EQ(plan.failures().size(), 2U);
  EXPECT_TRUE(plan.failures().front().quarantined);
  EXPECT_EQ(plan.failures().front().reason, "given up: it crashed");
}

TEST(PreloadPlan, WhatIsLeftOutTakesItsWarmupAlong) {
  PreloadPlan plan = plan_of_four();
  plan.leave_out({"b"}, "x\ny\n");
  plan.leave_out({"d"}, "");
  wire::Boot boot;
  plan.fill(boot);
  EXPECT_EQ(boot.modules, (Names{"a", "c"}));
  EXPECT_TRUE(boot.optional.empty());
  EXPECT_EQ(boot.warmup, Names{"c:start"});
  EXPECT_EQ(boot.avoided, (Names{"b", "d"}));
  EXPECT_EQ(boot.pieces, (Names{"x", "y"}));
  EXPECT_TRUE(plan.is_excluded("b"));
  EXPECT_FALSE(plan.is_excluded("a"));
}

TEST(PreloadPlan, WhatOneZygoteToldIsForgottenWhatWasLearnedIsNot) {
  PreloadPlan plan = plan_of_four();
  plan.imported("a", 7);
  plan.failed("b", "Traceback\n  File\nImportError: no b\n\n");
  EXPECT_EQ(plan.preloads().front().usec, 7U);
  EXPECT_EQ(plan.failures().front().reason, "ImportError: no b");
  EXPECT_TRUE(plan.not_shared("c", "its number"));
  EXPECT_FALSE(plan.not_shared("c", "its number"));
  plan.begin_zygote();
  EXPECT_TRUE(plan.preloads().empty() && plan.failures().empty());
  EXPECT_EQ(plan.not_shared().size(), 1U);
  plan.begin({});
  EXPECT_TRUE(plan.not_shared().empty());
}

TEST(ZygoteRetries, WaitsLongerEachTime) {
  ZygoteRetries retries;
  EXPECT_EQ(retries.next(false), milliseconds(0));
  EXPECT_EQ(retries.next(false), milliseconds(100));
  EXPECT_EQ(retries.next(false), milliseconds(200));
  for (int i = 0; i < 20; ++i) static_cast<void>(retries.next(false));
  EXPECT_EQ(retries.next(false), milliseconds(30000));
  retries.served_long();
  EXPECT_EQ(retries.next(false), milliseconds(0));
}

TEST(ZygoteRetries, GivesUpWhereNoneEverBecameWarm) {
  ZygoteRetries retries;
  EXPECT_FALSE(retries.next(true));
  for (int i = 0; i < 5; ++i) retries.failed();
  EXPECT_TRUE(retries.broken());
  EXPECT_FALSE(retries.next(false));
  retries.became_warm();
  EXPECT_FALSE(retries.broken());
  EXPECT_TRUE(retries.next(true));
}

}  // namespace
}  // namespace pml::service
