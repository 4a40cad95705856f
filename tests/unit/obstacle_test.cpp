#include "client/obstacle.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace pml::client {
namespace {

/// The process's environment, of these entries alone as long as it lives.
class OnlyEnvironment {
 public:
  explicit OnlyEnvironment(std::vector<std::string> entries)
      : entries_(std::move(entries)), before_(environ) {
    for (std::string& entry : entries_) pointers_.push_back(entry.data());
    pointers_.push_back(nullptr);
    environ = pointers_.data();
  }
  OnlyEnvironment(const OnlyEnvironment&) = delete;
  OnlyEnvironment& operator=(const OnlyEnvironment&) = delete;
  ~OnlyEnvironment() { environ = before_; }

 private:
  std::vector<std::string> entries_;
  std::vector<char*> pointers_;
  char** before_;
};

Arguments script() {
  Arguments arguments;
  arguments.kind = wire::ProgramKind::script;
  arguments.target = "x.py";
  return arguments;
}

/// What is in the way of a script with this entry in its environment; empty: nothing.
std::string obstacle(const std::string& entry) {
  const OnlyEnvironment environment({"A=1", entry});
  const auto reason = find_obstacle(script());
  return reason ? reason->text() : "";
}

TEST(Obstacle, ThereIsNoneForAPlainScript) {
  const OnlyEnvironment environment({});
  EXPECT_FALSE(find_obstacle(script()));
  EXPECT_EQ(obstacle("PYTHONUNBUFFERED=1"), "");
  EXPECT_EQ(obstacle("no variable"), "");
}

TEST(Obstacle, VariablesThatOnlyAStartHonoursAreNamed) {
  EXPECT_NE(obstacle("PYTHONHOME=/x").find("PYTHONHOME"), std::string::npos);
  EXPECT_NE(obstacle("PYTHONOFLATER=1").find("PYTHONOFLATER"), std::string::npos);
  EXPECT_EQ(obstacle("PYTHONHOME="), "");
}

TEST(Obstacle, WhatAManagerSaysToOneProcessIsNotTheJobs) {
  const std::string own = std::to_string(::getpid());
  EXPECT_NE(obstacle("SYSTEMD_EXEC_PID=" + own), "");
  EXPECT_EQ(obstacle("SYSTEMD_EXEC_PID=1" + own), "");
  EXPECT_NE(obstacle("NOTIFY_SOCKET=/run/notify"), "");
  EXPECT_EQ(obstacle("NOTIFY_SOCKET="), "");
  EXPECT_NE(obstacle("LISTEN_PID=" + own), "");
  EXPECT_NE(obstacle("WATCHDOG_PID=1"), "");
  EXPECT_EQ(obstacle("LISTEN_FDS=1"), "");
}

TEST(Obstacle, TheCallersWishComesFirst) {
  const OnlyEnvironment environment({"PYTHONHOME=/x"});
  Arguments arguments = script();
  arguments.plain = true;
  const auto reason = find_obstacle(arguments);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->text().find("PYTHONHOME"), std::string::npos);
}

TEST(Obstacle, AnOptionOfPythonsAloneIsOne) {
  const OnlyEnvironment environment({});
  Arguments arguments = script();
  arguments.action = Action::python;
  arguments.reason = "-I";
  const auto reason = find_obstacle(arguments);
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->text().find("-I"), std::string::npos);
}

TEST(Obstacle, AnEnvironmentThatIsNotThereIsOne) {
  const OnlyEnvironment environment({});
  Arguments arguments = script();
  arguments.venv_error = "no such folder";
  EXPECT_TRUE(find_obstacle(arguments));
}

}  // namespace
}  // namespace pml::client
