#include "service/installed.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "service/unfit.hpp"
#include "temporary_folder.hpp"

namespace pml::service {
namespace {

using profile::TargetKind;

/// A prefix with an interpreter of its own, as a virtual environment is one.
class Installed : public ::testing::Test {
 protected:
  Installed() { prefix_.write("bin/python3", ""); }
  [[nodiscard]] bool script(const std::string& path) const {
    return is_installed({TargetKind::script, path, {}, ""}, prefix_ / "bin/python3");
  }
  [[nodiscard]] bool module(const std::string& name, const std::string& folder = "") const {
    return is_installed({TargetKind::module, name, {}, folder}, prefix_ / "bin/python3");
  }
  test::TemporaryFolder prefix_;
};

constexpr const char* k_site = "lib/python3.11/site-packages/";

TEST_F(Installed, AnEntryPointAlwaysIs) {
  EXPECT_TRUE(is_installed({TargetKind::entry_point, "black", {}, ""}, "/nowhere/python3"));
}

TEST_F(Installed, AScriptThatADistributionNames) {
  const std::string tool = prefix_.write("bin/tool", "");
  EXPECT_FALSE(script(tool));
  prefix_.write(std::string(k_site) + "tool-1.dist-info/RECORD",
                "tool.py,sha256=x,1\n../../../bin/tool,sha256=x,213\n");
  EXPECT_TRUE(script(tool));
  EXPECT_FALSE(script(prefix_.write("bin/other", "")));
  EXPECT_FALSE(script(prefix_.write("scripts/tool", "")));
}

TEST_F(Installed, AScriptOfAnOldDistribution) {
  const std::string tool = prefix_.write("bin/tool", "");
  prefix_.write(std::string(k_site) + "tool-1.egg-info/installed-files.txt",
                "../../../../bin/tool\n");
  EXPECT_TRUE(script(tool));
}

TEST_F(Installed, AFileOfTheDistributionOfThatNameIsNoScript) {
  prefix_.write(std::string(k_site) + "tool-1.dist-info/RECORD", "tool/bin/tool,sha256=x,1\n");
  EXPECT_FALSE(script(prefix_.write("bin/tool", "")));
}

TEST_F(Installed, ALinkToWhatIsInstalled) {
  const std::string tool = prefix_.write("bin/tool", "");
  prefix_.write(std::string(k_site) + "tool-1.dist-info/RECORD",
                "../../../bin/tool,sha256=x,213\n");
  test::TemporaryFolder elsewhere;
  std::filesystem::create_symlink(tool, elsewhere / "tool");
  EXPECT_TRUE(script(elsewhere / "tool"));
}

TEST_F(Installed, WhatIsNotThereIsNot) {
  EXPECT_FALSE(script(prefix_ / "bin/nothing"));
}

TEST_F(Installed, ScriptsOfTheSystem) {
  EXPECT_TRUE(script("/usr/bin/env"));
}

TEST_F(Installed, AModuleBesideTheInterpreter) {
  EXPECT_FALSE(module("tool"));
  prefix_.write(std::string(k_site) + "tool/__main__.py", "");
  EXPECT_TRUE(module("tool"));
  EXPECT_TRUE(module("tool.sub"));
  prefix_.write("lib/python3.11/timeit2.py", "");
  EXPECT_TRUE(module("timeit2"));
}

TEST_F(Installed, AModuleOfTheFolderItIsCalledInIsNot) {
  prefix_.write(std::string(k_site) + "tool.py", "");
  test::TemporaryFolder folder;
  EXPECT_TRUE(module("tool", folder.path()));
  folder.write("tool.py", "");
  EXPECT_FALSE(module("tool", folder.path()));
}

TEST_F(Installed, AModuleOfTheUsersOwn) {
  test::TemporaryFolder home;
  const test::ScopedVariable variable("HOME", home.path().c_str());
  EXPECT_FALSE(module("tool"));
  home.write(".local/lib/python3.11/site-packages/tool.py", "");
  EXPECT_TRUE(module("tool"));
}

wire::Event unfit(std::string_view abi, std::string_view text, bool refuses) {
  wire::Event event;
  event.kind = wire::EventKind::unfit;
  event.name = abi;
  event.text = text;
  event.value = refuses ? 1 : 0;
  return event;
}

TEST(Unfit, SaysWhatToDo) {
  const std::string python = "/opt/python3";
  const std::string remedy = "pmlctl python add /opt/python3";
  const std::string unbuilt =
      unfit_sentence(python, unfit("cpython-312-x86_64-linux-gnu", "", false));
  EXPECT_NE(unbuilt.find("was not built for"), std::string::npos);
  EXPECT_NE(unbuilt.find(remedy), std::string::npos);
  const std::string unloaded =
      unfit_sentence(python, unfit("cpython-312-x86_64-linux-gnu", "undefined symbol", false));
  EXPECT_NE(unloaded.find("undefined symbol"), std::string::npos);
  EXPECT_NE(unloaded.find(remedy), std::string::npos);
}

TEST(Unfit, SaysNothingToDoWhereNothingHelps) {
  const std::string python = "/opt/python3";
  for (const wire::Event& event : {unfit("cpython-27", "pml does not serve it", true),
                                   unfit("pypy39-pp73-x86_64-linux-gnu", "", false)}) {
    const std::string sentence = unfit_sentence(python, event);
    EXPECT_TRUE(sentence.starts_with("pml cannot use /opt/python3: ")) << sentence;
    EXPECT_EQ(sentence.find("pmlctl"), std::string::npos) << sentence;
  }
}

}  // namespace
}  // namespace pml::service
