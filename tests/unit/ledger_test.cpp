#include "service/ledger.hpp"

#include <gtest/gtest.h>

namespace pml::service {
namespace {

Client somebody(bool own = false) {
  Client client;
  client.pid = 7;
  client.own = own;
  return client;
}

Job job_of(bool own = false) {
  Job job;
  job.name = {4711, 2};
  job.label.command = "program";
  job.client = somebody(own);
  job.began = event::Loop::now();
  return job;
}

TEST(Ledger, CountsWhoWasRefusedByTheReason) {
  Ledger ledger;
  ledger.refused(somebody(), wire::Refusal::option, "-O", "a");
  ledger.refused(somebody(), wire::Refusal::option, "-I", "b");
  ledger.refused(somebody(), wire::Refusal::shadowed, "json", "c");
  EXPECT_EQ(ledger.refusals().at(wire::Refusal::option), 2U);
  EXPECT_EQ(ledger.refusals().at(wire::Refusal::shadowed), 1U);
  EXPECT_EQ(ledger.record().last_refused().command, "c");
}

TEST(Ledger, ServedIsWhatHasEnded) {
  Ledger ledger;
  const Job job = job_of();
  ledger.started(job, 500);
  EXPECT_EQ(ledger.served(), 0U);
  EXPECT_EQ(ledger.record().percentile(50), 500U);
  ledger.ended(job, {});
  EXPECT_EQ(ledger.served(), 1U);
  ASSERT_EQ(ledger.record().last().size(), 1U);
  EXPECT_EQ(ledger.record().last()[0].job, "4711-2");
  EXPECT_EQ(ledger.record().last()[0].command, "program");
}

TEST(Ledger, OfTheServicesOwnClientsNobodyIsTold) {
  Ledger ledger;
  const Job job = job_of(true);
  ledger.refused(somebody(true), wire::Refusal::option, "-O", "a");
  ledger.started(job, 500);
  ledger.ended(job, {});
  EXPECT_TRUE(ledger.refusals().empty());
  EXPECT_EQ(ledger.served(), 0U);
  EXPECT_EQ(ledger.record().percentile(50), 0U);
  EXPECT_TRUE(ledger.record().last().empty());
}

}  // namespace
}  // namespace pml::service
