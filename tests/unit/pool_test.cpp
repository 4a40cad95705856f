#include "service/pool.hpp"

#include <gtest/gtest.h>

namespace {

using pml::service::Admission;
using pml::service::Pool;
using pml::service::PoolLimits;

// Counts as a zygote and clients would cause them.
struct World {
  Pool pool;
  explicit World(PoolLimits limits = {}) : pool(limits) { pool.set_breeding(true); }
  void order(unsigned forks) { pool.forks_ordered(forks); }
  void fork_all() {
    while (pool.forking() > 0) pool.worker_came();
  }
  void fill() {
    order(pool.quiet_forks());
    fork_all();
  }
};

TEST(Pool, FillsUpToWorkersAtStart) {
  World world({5, 3, 0, 10});
  EXPECT_EQ(world.pool.quiet_forks(), 5U);
  world.fill();
  EXPECT_EQ(world.pool.idle(), 5U);
  EXPECT_EQ(world.pool.quiet_forks(), 0U);
  EXPECT_EQ(world.pool.urgent_forks(), 0U);
}

TEST(Pool, RefillsOnlyBelowSpare) {
  World world({5, 3, 0, 10});
  world.fill();
  world.pool.job_began();
  world.pool.job_began();
  EXPECT_EQ(world.pool.quiet_forks(), 0U);
  world.pool.job_began();
  EXPECT_EQ(world.pool.quiet_forks(), 3U);
  EXPECT_EQ(world.pool.urgent_forks(), 0U);
}

TEST(Pool, ForksThatAreUnderWayCount) {
  World world({5, 3, 0, 10});
  world.order(5);
  EXPECT_EQ(world.pool.quiet_forks(), 0U);
  world.pool.fork_failed();
  world.pool.fork_failed();
  world.pool.fork_failed();
  EXPECT_EQ(world.pool.quiet_forks(), 3U);
}

TEST(Pool, OneForkIsUrgentWhenNobodyIsIdle) {
  World world({1, 1, 0, 10});
  world.fill();
  world.pool.job_began();
  EXPECT_EQ(world.pool.urgent_forks(), 1U);
  world.order(1);
  EXPECT_EQ(world.pool.urgent_forks(), 0U);
}

TEST(Pool, EveryoneWhoWaitsGetsAFork) {
  World world({2, 1, 0, 10});
  world.fill();
  world.pool.job_began();
  world.pool.job_began();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(world.pool.admit(false), Admission::wait);
    world.pool.request_queued();
  }
  EXPECT_EQ(world.pool.urgent_forks(), 4U);
}

TEST(Pool, ForksAheadAreBounded) {
  World world({1, 1, 0, 1000});
  for (int i = 0; i < 500; ++i) world.pool.request_queued();
  EXPECT_LE(world.pool.urgent_forks(), 16U);
}

TEST(Pool, QueueIsServedInTurnAndBounded) {
  World world({1, 1, 0, 2});
  EXPECT_EQ(world.pool.admit(false), Admission::wait);
  world.pool.request_queued();
  world.pool.request_queued();
  EXPECT_EQ(world.pool.admit(false), Admission::overloaded);
  world.order(1);
  world.fork_all();
  EXPECT_TRUE(world.pool.can_serve_queued());
  // Who comes now must not pass those who wait.
  EXPECT_EQ(world.pool.admit(false), Admission::overloaded);
  world.pool.request_left();
  world.pool.job_began();
  EXPECT_FALSE(world.pool.can_serve_queued());
  EXPECT_EQ(world.pool.admit(false), Admission::wait);
}

TEST(Pool, MaxJobsQueuesAlthoughWorkersAreIdle) {
  World world({3, 1, 1, 5});
  world.fill();
  EXPECT_EQ(world.pool.admit(false), Admission::serve);
  world.pool.job_began();
  EXPECT_EQ(world.pool.admit(false), Admission::wait);
  world.pool.request_queued();
  EXPECT_FALSE(world.pool.can_serve_queued());
  EXPECT_EQ(world.pool.urgent_forks(), 0U);
  world.pool.job_ended();
  EXPECT_TRUE(world.pool.can_serve_queued());
}

TEST(Pool, WithoutAZygoteOnlyThePatientWait) {
  World world({2, 1, 0, 5});
  world.pool.set_breeding(false);
  EXPECT_EQ(world.pool.admit(false), Admission::not_warm);
  EXPECT_EQ(world.pool.admit(true), Admission::wait);
  EXPECT_EQ(world.pool.urgent_forks(), 0U);
  EXPECT_EQ(world.pool.quiet_forks(), 0U);
}

TEST(Pool, IdleWorkersServeOnWithoutAZygote) {
  World world({2, 1, 0, 5});
  world.fill();
  world.pool.set_breeding(false);
  EXPECT_EQ(world.pool.admit(false), Admission::serve);
}

TEST(Pool, LosingTheZygoteForgetsItsForks) {
  World world({2, 1, 0, 5});
  world.order(2);
  world.pool.set_breeding(false);
  EXPECT_EQ(world.pool.forking(), 0U);
  world.pool.set_breeding(true);
  EXPECT_EQ(world.pool.quiet_forks(), 2U);
}

TEST(Pool, PressureKeepsOne) {
  World world({5, 3, 0, 5});
  world.fill();
  world.pool.set_pressure(true);
  EXPECT_EQ(world.pool.surplus(), 4U);
  for (int i = 0; i < 5; ++i) world.pool.worker_went();
  EXPECT_EQ(world.pool.quiet_forks(), 1U);
  world.pool.set_pressure(false);
  EXPECT_EQ(world.pool.quiet_forks(), 5U);
}

TEST(Pool, NoQueueMeansNoWaiting) {
  World world({1, 1, 0, 0});
  EXPECT_EQ(world.pool.admit(false), Admission::overloaded);
}

TEST(Pool, CountsNeverGoBelowZero) {
  World world;
  world.pool.worker_went();
  world.pool.job_ended();
  world.pool.request_left();
  world.pool.fork_failed();
  EXPECT_EQ(world.pool.idle() + world.pool.running() + world.pool.queued() + world.pool.forking(),
            0U);
}

}  // namespace
