#include "service/worker_supply.hpp"

#include <gtest/gtest.h>

namespace {

using pml::service::WorkerSupply;

TEST(WorkerSupply, ForksOneAtATimeUntilThereAreEnough) {
  WorkerSupply supply;
  supply.want(2, true);
  EXPECT_TRUE(supply.wants_one({0, 0}, false));
  supply.ordered();
  EXPECT_TRUE(supply.is_owed());
  EXPECT_FALSE(supply.wants_one({0, 0}, false)) << "it has not come yet";
  supply.arrived();
  EXPECT_FALSE(supply.is_owed());
  EXPECT_FALSE(supply.wants_one({0, 1}, false)) << "it still runs ahead";
  EXPECT_TRUE(supply.wants_one({1, 1}, false));
  EXPECT_FALSE(supply.wants_one({2, 2}, false));
}

TEST(WorkerSupply, OneMoreForArgumentsThatAreRepeated) {
  WorkerSupply supply;
  EXPECT_TRUE(supply.wants_one({1, 1}, true));
  EXPECT_FALSE(supply.wants_one({2, 2}, true));
  EXPECT_FALSE(supply.has_one_more({1, 1}));
  EXPECT_TRUE(supply.has_one_more({2, 2}));
  supply.want(1, false);
  EXPECT_FALSE(supply.wants_one({1, 1}, true)) << "memory is short";
  supply.want(0, true);
  EXPECT_FALSE(supply.wants_one({0, 0}, true)) << "none is wanted at all";
}

TEST(WorkerSupply, AForkThatFailedIsOwedNoMore) {
  WorkerSupply supply;
  supply.ordered();
  supply.arrived();
  supply.arrived();
  EXPECT_FALSE(supply.is_owed());
  EXPECT_TRUE(supply.wants_one({0, 0}, false));
}

TEST(WorkerSupply, ThreeLossesInARowAreNoChance) {
  WorkerSupply supply;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(supply.lost_too_many());
    EXPECT_FALSE(supply.lost_too_many());
    supply.became_ready();
  }
  EXPECT_FALSE(supply.lost_too_many());
  EXPECT_FALSE(supply.lost_too_many());
  EXPECT_TRUE(supply.lost_too_many());
}

}  // namespace
