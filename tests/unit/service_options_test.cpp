#include "service/options.hpp"

#include <gtest/gtest.h>

namespace {

using pml::service::Options;
using pml::service::parse_options;

TEST(Options, StandaloneLikeTheOriginal) {
  const auto parsed =
      parse_options({"-d", "-p", "x.pid", "-w", "7", "-s2", "a.sock", "json", "re"});
  ASSERT_EQ(parsed.error, "");
  EXPECT_TRUE(parsed.options.daemonize);
  EXPECT_EQ(parsed.options.pid_file, "x.pid");
  EXPECT_EQ(parsed.options.workers, 7U);
  EXPECT_EQ(parsed.options.spare, 2U);
  EXPECT_EQ(parsed.options.socket, "a.sock");
  EXPECT_EQ(parsed.options.modules, (std::vector<std::string>{"json", "re"}));
}

TEST(Options, LongForms) {
  const auto parsed = parse_options(
      {"--profile=qt", "--daemonize", "--pidfile", "f", "--workers=2", "--spare", "1"});
  ASSERT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.profile, "qt");
  EXPECT_EQ(parsed.options.pid_file, "f");
}

TEST(Options, OptionsMayFollowTheSocket) {
  const auto parsed = parse_options({"a.sock", "json", "-dw3", "--", "-odd"});
  ASSERT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.workers, 3U);
  EXPECT_EQ(parsed.options.modules, (std::vector<std::string>{"json", "-odd"}));
}

TEST(Options, HelpAndVersionNeedNothingElse) {
  EXPECT_EQ(parse_options({"-h"}).options.action, Options::Action::help);
  EXPECT_EQ(parse_options({"-h"}).error, "");
  EXPECT_EQ(parse_options({"--version"}).options.action, Options::Action::version);
}

TEST(Options, WrongOnesHaveOneSentence) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"-x", "a"},
                                                       {"--bogus"},
                                                       {"-w"},
                                                       {"-w", "0"},
                                                       {"-w", "x", "a"},
                                                       {"-w", "99999"},
                                                       {"--daemonize=1", "a"},
                                                       {"--profile", "a/b"},
                                                       {"--profile", "a", "b"},
                                                       {"--pidfile=", "a"}};
  for (const auto& words : wrong) EXPECT_NE(parse_options(words).error, "");
}

}  // namespace
