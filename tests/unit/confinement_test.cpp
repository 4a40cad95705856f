#include "service/confinement.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace {

using namespace pml;
using service::Places;
using service::StatusLines;

constexpr const char* k_status =
    "Name:\tpml\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t10\nNgid:\t0\nPid:\t10\nPPid:\t9\n"
    "TracerPid:\t0\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nFDSize:\t64\n"
    "Groups:\t24 27 1000 \nNStgid:\t10\nVmRSS:\t100 kB\nThreads:\t1\nSigQ:\t0/1\n"
    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
    "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n"
    "Seccomp_filters:\t0\nSpeculation_Store_Bypass:\tthread vulnerable\n";

std::string changed(const std::string& from, const std::string& to) {
  std::string text = k_status;
  text.replace(text.find(from), from.size(), to);
  return text;
}

std::optional<service::Denial> against_changed(const std::string& from, const std::string& to) {
  const std::string peer = changed(from, to);
  return service::compare(service::parse_status(k_status), service::parse_status(peer));
}

TEST(Confinement, ReadsStatusLines) {
  const StatusLines lines = service::parse_status(k_status);
  EXPECT_EQ(lines.value[StatusLines::tracer], "0");
  EXPECT_EQ(lines.value[StatusLines::uid], "1000\t1000\t1000\t1000");
  EXPECT_EQ(lines.value[StatusLines::groups], "24 27 1000 ");
  EXPECT_EQ(lines.value[StatusLines::seccomp_filters], "0");
}

TEST(Confinement, AnyTextIsRead) {
  for (const char* text : {"", "\n\n", "Uid:", "Uid:\t", "Seccomp:\t0\nUid:\t1\n", "no newline"})
    static_cast<void>(service::parse_status(text));
}

TEST(Confinement, AnEqualIsServed) {
  EXPECT_FALSE(service::compare(service::parse_status(k_status), service::parse_status(k_status)));
}

TEST(Confinement, EachDifferenceHasItsReason) {
  using wire::Refusal;
  EXPECT_EQ(against_changed("TracerPid:\t0", "TracerPid:\t99")->reason, Refusal::traced);
  EXPECT_EQ(against_changed("Uid:\t1000", "Uid:\t1001")->reason, Refusal::other_user);
  EXPECT_EQ(against_changed("Uid:\t1000\t1000", "Uid:\t1000\t0")->reason, Refusal::other_user);
  EXPECT_EQ(against_changed("Gid:\t1000", "Gid:\t100")->reason, Refusal::other_user);
  EXPECT_EQ(against_changed("24 27 1000", "24 1000")->reason, Refusal::other_user);
  EXPECT_EQ(against_changed("NoNewPrivs:\t0", "NoNewPrivs:\t1")->reason, Refusal::confined);
  EXPECT_EQ(against_changed("Seccomp:\t0", "Seccomp:\t2")->reason, Refusal::confined);
  EXPECT_EQ(
      against_changed("Bypass:\tthread vulnerable", "Bypass:\tthread force mitigated")->reason,
      Refusal::confined);
  EXPECT_EQ(against_changed("CapBnd:\t000001ff", "CapBnd:\t00000000")->reason, Refusal::confined);
  EXPECT_EQ(against_changed("CapAmb:\t0000000000000000", "CapAmb:\t0000000800000000")->reason,
            Refusal::confined);
}

std::string with(std::string text, std::string_view old, std::string_view fresh) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, old.size(), fresh);
}

TEST(Confinement, MoreFiltersThanTheServiceAreRefused) {
  const std::string held = with(with(std::string(k_status), "Seccomp:\t0", "Seccomp:\t2"),
                                "Seccomp_filters:\t0", "Seccomp_filters:\t3");
  const std::string held_more = with(held, "Seccomp_filters:\t3", "Seccomp_filters:\t4");
  EXPECT_FALSE(service::compare(service::parse_status(held), service::parse_status(held)));
  EXPECT_TRUE(service::compare(service::parse_status(held), service::parse_status(held_more)));
}

TEST(Confinement, APeerLessConfinedThanTheServiceIsServed) {
  for (const auto& [old, fresh] :
       {std::pair{"Seccomp:\t0", "Seccomp:\t2"}, std::pair{"NoNewPrivs:\t0", "NoNewPrivs:\t1"},
        std::pair{"CapBnd:\t000001ff", "CapBnd:\t00000000"}}) {
    const std::string service_status = with(std::string(k_status), old, fresh);
    EXPECT_FALSE(
        service::compare(service::parse_status(service_status), service::parse_status(k_status)))
        << fresh;
  }
}

TEST(Confinement, AnUnreadablePeerIsNotServed) {
  EXPECT_TRUE(service::compare(service::parse_status(k_status), StatusLines{}));
}

TEST(Confinement, NamespacesAreCompared) {
  Places own{};
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = {4, 100 + i};
  EXPECT_FALSE(service::compare(own, own));
  for (std::size_t i = 0; i < own.size(); ++i) {
    Places peer = own;
    peer[i].inode += 1000;
    const auto denial = service::compare(own, peer);
    ASSERT_TRUE(denial);
    EXPECT_EQ(denial->reason, wire::Refusal::other_namespace);
    EXPECT_STREQ(denial->detail, service::k_places[i]);
  }
}

TEST(Confinement, AProcessMayServeItself) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const base::UniqueFd near(base::k_adopt, pair[0]);
  const base::UniqueFd far(base::k_adopt, pair[1]);
  const auto verdict = service::Gatekeeper().examine(near.borrow());
  EXPECT_EQ(verdict.pid, ::getpid());
  EXPECT_FALSE(verdict.denial) << verdict.denial->detail;
}

}  // namespace
