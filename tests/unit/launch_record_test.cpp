#include "service/launch_record.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pml::service {
namespace {

TEST(Latencies, OfNoneAreNothing) {
  const LaunchRecord record;
  EXPECT_EQ(record.percentile(50), 0U);
  EXPECT_EQ(record.percentile(100), 0U);
}

TEST(Latencies, APercentileIsOneThatWasMeasured) {
  LaunchRecord record;
  for (std::uint64_t usec = 100; usec > 0; --usec) record.launched(usec);
  EXPECT_EQ(record.percentile(0), 1U);
  EXPECT_EQ(record.percentile(50), 51U);
  EXPECT_EQ(record.percentile(99), 100U);
  EXPECT_EQ(record.percentile(100), 100U);
}

TEST(Latencies, OldOnesAreForgotten) {
  LaunchRecord record;
  for (int i = 0; i < 10; ++i) record.launched(1000000);
  for (int i = 0; i < 512; ++i) record.launched(7);
  EXPECT_EQ(record.percentile(100), 7U);
}

TEST(Latencies, ThatAreTooLongToBeKeptAreTheLongest) {
  LaunchRecord record;
  record.launched((1ULL << 32) + 5);
  record.launched(1);
  EXPECT_EQ(record.percentile(100), std::numeric_limits<std::uint32_t>::max());
}

TEST(LastJobs, AreTenOldestFirst) {
  LaunchRecord record;
  for (int i = 0; i < 12; ++i)
    record.ended({i, 1}, "program " + std::to_string(i), i, 100U * static_cast<unsigned>(i));
  ASSERT_EQ(record.last().size(), 10U);
  EXPECT_EQ(record.last().front().command, "program 2");
  EXPECT_EQ(record.last().back().command, "program 11");
  EXPECT_EQ(record.last().back().wait_status, 11);
  EXPECT_EQ(record.last().back().duration_usec, 1100U);
  EXPECT_EQ(record.last().back().job, "11-1");
}

TEST(LastRefused, IsTheLastOne) {
  LaunchRecord record;
  EXPECT_EQ(record.last_refused().when, 0);
  record.refused(wire::Refusal::option, "-O", "one");
  record.refused(wire::Refusal::shadowed, "json", "two");
  EXPECT_NE(record.last_refused().when, 0);
  EXPECT_EQ(record.last_refused().reason, wire::Refusal::shadowed);
  EXPECT_EQ(record.last_refused().detail, "json");
  EXPECT_EQ(record.last_refused().command, "two");
}

}  // namespace
}  // namespace pml::service
