#include "service/zygote_retries.hpp"

#include <gtest/gtest.h>

namespace pml::service {
namespace {

using std::chrono::milliseconds;

TEST(ZygoteRetries, TheFirstIsTriedAgainAtOnceAndTheNextLaterEachTime) {
  ZygoteRetries retries;
  retries.failed();
  auto before = retries.next(false);
  ASSERT_TRUE(before);
  EXPECT_EQ(*before, milliseconds(0));
  for (int round = 0; round < 3; ++round) {
    retries.failed();
    const auto after = retries.next(false);
    ASSERT_TRUE(after);
    EXPECT_GT(*after, *before);
    before = after;
  }
}

TEST(ZygoteRetries, WhatFailsByItselfIsNotTriedAgain) {
  ZygoteRetries retries;
  retries.failed();
  EXPECT_FALSE(retries.next(true));
}

TEST(ZygoteRetries, WhatNeverBecameWarmIsGivenUp) {
  ZygoteRetries retries;
  int tries = 0;
  for (; tries < 100; ++tries) {
    retries.failed();
    if (!retries.next(false)) break;
  }
  EXPECT_GT(tries, 2);
  EXPECT_LT(tries, 10);
}

TEST(ZygoteRetries, WhatWasWarmOnceIsTriedForEverAndNotTooSeldom) {
  ZygoteRetries retries;
  retries.became_warm();
  for (int round = 0; round < 100; ++round) {
    retries.failed();
    const auto delay = retries.next(round % 2 == 0);
    ASSERT_TRUE(delay);
    EXPECT_LE(*delay, std::chrono::minutes(1));
  }
}

TEST(ZygoteRetries, WhatServedLongIsReplacedAtOnce) {
  ZygoteRetries retries;
  retries.became_warm();
  for (int round = 0; round < 5; ++round) (void)retries.next(false);
  retries.served_long();
  EXPECT_EQ(retries.next(false), milliseconds(0));
}

TEST(ZygoteRetries, BrokenIsWhoseLastThreeFailed) {
  ZygoteRetries retries;
  retries.failed();
  retries.failed();
  EXPECT_FALSE(retries.broken());
  retries.failed();
  EXPECT_TRUE(retries.broken());
  retries.became_warm();
  EXPECT_FALSE(retries.broken());
}

TEST(ZygoteRetries, ANewProfileBeginsAnew) {
  ZygoteRetries retries;
  for (int round = 0; round < 5; ++round) {
    retries.failed();
    (void)retries.next(false);
  }
  retries.begin();
  EXPECT_FALSE(retries.broken());
  retries.failed();
  EXPECT_EQ(retries.next(false), milliseconds(0));
}

}  // namespace
}  // namespace pml::service
