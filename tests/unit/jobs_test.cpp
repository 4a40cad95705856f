#include "service/jobs.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "wire/channel.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {
namespace {

using Words = std::vector<std::string>;

/// Notes what it is told.
struct Owner : JobOwner {
  void job_accepted(const Job& job) override { said.push_back("accepted " + job.name.text()); }
  void job_declined(const wire::Verdict& verdict) override {
    said.push_back("declined " + std::string(verdict.text));
  }
  void job_not_begun(const Job&, const std::string& why) override {
    said.push_back("not begun: " + why);
  }
  void in_place_not_begun(bool) override {}
  void job_ended() override { said.emplace_back("ended"); }
  bool signal_through_parent(const Job& job, int signal, bool whole_group) override {
    said.push_back("signal " + std::to_string(signal) +
                   (whole_group ? " to the group of " : " to ") + std::to_string(job.name.pid));
    return hears;
  }
  Words said;
  bool hears = true;
};

class JobsTest : public testing::Test {
 protected:
  static constexpr pid_t k_pid = 4711;  // nothing is done to it: signals go through the owner

  Job& took(std::uint32_t flags = 0) {
    int link[2], connection[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, link), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, connection), 0);
    worker_ = base::UniqueFd(base::k_adopt, link[1]);
    client_ = base::UniqueFd(base::k_adopt, connection[1]);
    auto worker = std::make_unique<Worker>();
    worker->pid = k_pid;
    worker->generation = 3;
    worker->link = base::UniqueFd(base::k_adopt, link[0]);
    Ticket ticket;
    ticket.client.connection = base::UniqueFd(base::k_adopt, connection[0]);
    ticket.flags = flags;
    ticket.early = early_;
    jobs_.took(std::move(worker), std::move(ticket), {"program", "/"}, {});
    return *jobs_.all().at(k_pid);
  }

  void say(Job& job, wire::VerdictKind kind, std::string_view text = {}) {
    wire::Verdict verdict;
    verdict.kind = kind;
    verdict.text = text;
    const std::string bytes = wire::encode(verdict);
    ASSERT_EQ(::send(worker_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    jobs_.link_ready(job);
  }

  /// What the client was told, a reply's kind and value each.
  Words told() {
    Words replies;
    char buffer[4096];
    const ssize_t size = ::recv(client_.get(), buffer, sizeof buffer, 0);
    std::string_view bytes(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
    while (bytes.size() > sizeof(std::uint32_t)) {
      std::uint32_t length = 0;
      std::memcpy(&length, bytes.data(), sizeof length);
      const auto reply = wire::decode_reply(bytes.substr(sizeof length, length));
      EXPECT_TRUE(reply);
      replies.push_back(std::to_string(static_cast<int>(reply->kind)) + " " +
                        std::to_string(reply->value));
      bytes.remove_prefix(sizeof length + length);
    }
    return replies;
  }

  static std::string frame(int signal, bool whole_group) {
    const wire::ClientSignal item{signal, whole_group ? 1 : 0};
    return {reinterpret_cast<const char*>(&item), sizeof item};
  }

  event::Loop loop_;
  Ledger ledger_;
  Owner owner_;
  Jobs jobs_{loop_, ledger_, owner_};
  base::UniqueFd worker_, client_;
  std::string early_;
};

TEST_F(JobsTest, FromTheHandOverToTheEnd) {
  Job& job = took();
  EXPECT_EQ(job.state, JobState::handed);
  say(job, wire::VerdictKind::rehearsed);
  EXPECT_EQ(job.state, JobState::handed);
  say(job, wire::VerdictKind::accepted);
  EXPECT_EQ(job.state, JobState::running);
  EXPECT_TRUE(jobs_.stopped(k_pid, SIGTSTP));
  jobs_.continued(k_pid);
  jobs_.ended({k_pid, 3 << 8, 0, 0});
  EXPECT_TRUE(jobs_.empty());
  EXPECT_EQ(told(), (Words{"4 20", "5 0", "2 3"}));
  EXPECT_EQ(owner_.said, (Words{"accepted 4711-1", "ended"}));
  EXPECT_EQ(ledger_.served(), 1U);
}

TEST_F(JobsTest, SignalsThatComeBeforeTheWorkersWordFollowIt) {
  early_ = frame(SIGINT, true) + frame(SIGUSR1, false);
  Job& job = took();
  EXPECT_EQ(owner_.said, Words{});
  say(job, wire::VerdictKind::accepted);
  EXPECT_EQ(owner_.said,
            (Words{"signal 2 to the group of 4711", "signal 10 to 4711", "accepted 4711-1"}));
}

TEST_F(JobsTest, WhatAParentDoesNotHearIsKept) {
  Job& job = took();
  say(job, wire::VerdictKind::accepted);
  owner_.hears = false;
  EXPECT_TRUE(jobs_.signal_job("4711-1", SIGTERM));
  ASSERT_EQ(job.unheard_signals.size(), 1U);
  EXPECT_FALSE(jobs_.signal_job("4711-2", SIGTERM));
}

TEST_F(JobsTest, ADeclinedJobIsCountedAsRefused) {
  Job& job = took();
  wire::Verdict verdict;
  verdict.kind = wire::VerdictKind::declined;
  verdict.value = static_cast<std::int32_t>(wire::Refusal::shadowed);
  verdict.text = "json.py";
  const std::string bytes = wire::encode(verdict);
  ::send(worker_.get(), bytes.data(), bytes.size(), 0);
  jobs_.link_ready(job);
  jobs_.ended({k_pid, 0, 0, 0});
  EXPECT_EQ(owner_.said, (Words{"declined json.py", "ended"}));
  EXPECT_EQ(ledger_.refusals().at(wire::Refusal::shadowed), 1U);
  EXPECT_EQ(ledger_.served(), 0U);
  EXPECT_EQ(told(), Words{});  // the worker has told it
}

TEST_F(JobsTest, ALostWorkersClientAsksAgain) {
  Job& job = took();
  worker_.reset();
  jobs_.link_ready(job);
  EXPECT_EQ(job.state, JobState::lost);
  EXPECT_EQ(told(), Words{"7 0"});
  EXPECT_EQ(owner_.said, Words{"not begun: its worker was lost"});
}

TEST_F(JobsTest, WhatIsStoppedBeforeItBeginsGoesOn) {
  took();
  EXPECT_TRUE(jobs_.stopped(k_pid, SIGSTOP));
  EXPECT_EQ(owner_.said, Words{"signal 18 to 4711"});
  EXPECT_FALSE(jobs_.stopped(k_pid + 1, SIGSTOP));
}

TEST_F(JobsTest, ScopedJobsOutliveTheService) {
  took();
  jobs_.mark_scoped(2);
  jobs_.terminate();
  EXPECT_EQ(owner_.said,
            (Words{"signal 15 to the group of 4711", "signal 18 to the group of 4711"}));
  jobs_.mark_scoped(1);
  jobs_.terminate();
  EXPECT_TRUE(jobs_.empty());
}

}  // namespace
}  // namespace pml::service
