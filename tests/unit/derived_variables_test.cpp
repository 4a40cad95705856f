#include "worker/derived_variables.hpp"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace pml::worker {
namespace {

using Values = std::map<std::string, std::string>;

VariableOf of(Values values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found != values.end() ? std::optional<std::string>(found->second) : std::nullopt;
  };
}

class Programs : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ + "/one");
    std::filesystem::create_directories(folder_ + "/two");
    std::ofstream(folder_ + "/two/tool") << "#!/bin/sh\n";
    ::chmod((folder_ + "/two/tool").c_str(), 0755);
    std::filesystem::create_symlink("../two/tool", folder_ + "/one/link");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_ = testing::TempDir() + "programs-" + std::to_string(::getpid());
};

TEST(DerivedVariables, APlainNameIsTheVariable) {
  EXPECT_EQ(derived_value("X", of({{"X", "1"}})), "1");
  EXPECT_EQ(derived_value("X", of({})), std::nullopt);
  EXPECT_EQ(variable_behind("X"), "X");
}

TEST(DerivedVariables, HomeIsTheVariableOrThePasswordDatabase) {
  EXPECT_EQ(derived_value(k_home, of({{"HOME", "/h"}})), "/h");
  EXPECT_EQ(derived_value(k_home, of({{"HOME", ""}})), "");
  EXPECT_EQ(derived_value(k_home, of({})), ::getpwuid(::getuid())->pw_dir);
  EXPECT_EQ(variable_behind(k_home), "HOME");
}

TEST_F(Programs, AreFoundInTheOrderOfThePath) {
  const std::string name = std::string(k_which) + "tool";
  const std::string path = folder_ + "/one:" + folder_ + "/two";
  EXPECT_EQ(derived_value(name, of({{"PATH", path}})), folder_ + "/two/tool");
  EXPECT_EQ(derived_value(name, of({{"PATH", folder_ + "/one"}})), std::nullopt);
  EXPECT_EQ(variable_behind(name), "PATH");
}

TEST_F(Programs, ThatRunAreTheSameUnderEachName) {
  const std::string real = std::filesystem::canonical(folder_ + "/two/tool");
  EXPECT_EQ(derived_value(std::string(k_runs) + "tool", of({{"PATH", folder_ + "/two"}})), real);
  EXPECT_EQ(derived_value(std::string(k_runs) + "link", of({{"PATH", folder_ + "/one"}})), real);
  EXPECT_EQ(derived_value(std::string(k_which) + "link", of({{"PATH", folder_ + "/one"}})),
            folder_ + "/one/link");
}

TEST_F(Programs, OfARelativeFolderAreEachCallersOwn) {
  const std::string name = std::string(k_runs) + "tool";
  const std::string path = "bin:" + folder_ + "/two";
  EXPECT_EQ(derived_value(name, of({{"PATH", path}})), "=" + path);
  EXPECT_NE(derived_value(name, of({{"PATH", "sbin:" + folder_ + "/two"}})),
            derived_value(name, of({{"PATH", path}})));
}

TEST(DerivedVariables, WithoutAPathTheUsualFoldersCount) {
  EXPECT_EQ(derived_value(std::string(k_which) + "sh", of({})), "/bin/sh");
}

}  // namespace
}  // namespace pml::worker
