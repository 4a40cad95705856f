#include "service/program_key.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "temporary_folder.hpp"

namespace pml::service {
namespace {

using profile::TargetKind;
using wire::ProgramKind;

wire::Request asks(ProgramKind kind, std::string_view target, std::string_view folder = "/here",
                   std::vector<std::string_view> options = {}) {
  wire::Request request;
  request.kind = kind;
  request.target = target;
  request.cwd = folder;
  request.interpreter_options = std::move(options);
  return request;
}

profile::Program declared(TargetKind kind, const std::string& target) {
  profile::Program program;
  program.kind = kind;
  program.target = target;
  return program;
}

TEST(Key, OfARequestAndOfItsPartsIsTheSameText) {
  const std::vector<wire::Request> all = {
      asks(ProgramKind::script, "/usr/bin/black"), asks(ProgramKind::script, "x.py"),
      asks(ProgramKind::module, "json.tool"), asks(ProgramKind::entry_point, "black"),
      asks(ProgramKind::script, "x.py", "/here", {"-u", "-W", "error"})};
  std::set<std::string> texts;
  for (const wire::Request& request : all) {
    EXPECT_EQ(key_text(request), key_text(key_of(request)));
    EXPECT_TRUE(texts.insert(key_text(request)).second) << request.target;
  }
}

TEST(Key, TheFolderCountsWhereTheNameMeansSomethingOnlyThere) {
  const auto differ = [](ProgramKind kind, std::string_view target) {
    return key_text(asks(kind, target, "/one")) != key_text(asks(kind, target, "/two"));
  };
  EXPECT_TRUE(differ(ProgramKind::script, "x.py"));
  EXPECT_TRUE(differ(ProgramKind::module, "json.tool"));
  EXPECT_FALSE(differ(ProgramKind::script, "/x.py"));
  EXPECT_FALSE(differ(ProgramKind::entry_point, "black"));
}

TEST(Key, OptionsAreToldFromEachOther) {
  EXPECT_NE(key_text(asks(ProgramKind::module, "m", "/", {"-W", "error"})),
            key_text(asks(ProgramKind::module, "m", "/", {"-Werror"})));
  EXPECT_NE(key_text(asks(ProgramKind::module, "m", "/", {"-u"})),
            key_text(asks(ProgramKind::module, "m", "/")));
}

TEST(Key, WhatNamesNoProgramHasNone) {
  EXPECT_EQ(key_text(asks(ProgramKind::command, "print()")), "");
  EXPECT_EQ(key_text(asks(ProgramKind::standard_in, "-")), "");
  EXPECT_EQ(key_text(asks(ProgramKind::script, "")), "");
}

TEST(Key, WhatIsNotWorthKeepingHasNone) {
  const std::string longest(4096, 'x');
  EXPECT_NE(key_text(asks(ProgramKind::script, longest)), "");
  EXPECT_EQ(key_text(asks(ProgramKind::script, longest + "x")), "");
  EXPECT_EQ(key_text(asks(ProgramKind::script, "x", longest + "x")), "");
  const std::vector<std::string_view> options(33, "-u");
  EXPECT_EQ(key_text(asks(ProgramKind::script, "x", "/", options)), "");
}

TEST(Name, IsWhatPeopleCallIt) {
  EXPECT_EQ(name_of(key_of(asks(ProgramKind::script, "/usr/bin/black"))), "black");
  EXPECT_EQ(name_of(key_of(asks(ProgramKind::script, "folder/"))), "folder");
  EXPECT_EQ(name_of(key_of(asks(ProgramKind::module, "json.tool"))), "json.tool");
  EXPECT_EQ(name_of(key_of(asks(ProgramKind::entry_point, "dist==1:group:tool"))), "tool");
}

TEST(Path, OfARelativeScriptBeginsWithItsFolder) {
  EXPECT_EQ(path_of(key_of(asks(ProgramKind::script, "a/x.py"))), "/here/a/x.py");
  EXPECT_EQ(path_of(key_of(asks(ProgramKind::script, "/x.py"))), "/x.py");
  EXPECT_EQ(path_of(key_of(asks(ProgramKind::module, "m"))), "");
}

TEST(Declaration, OfAModuleMeansThatModule) {
  const auto module = declared(TargetKind::module, "json.tool");
  EXPECT_TRUE(is_meant(module, key_of(asks(ProgramKind::module, "json.tool"))));
  EXPECT_FALSE(is_meant(module, key_of(asks(ProgramKind::module, "json"))));
  EXPECT_FALSE(is_meant(module, key_of(asks(ProgramKind::script, "json.tool"))));
}

TEST(Declaration, OfAScriptMeansItByEachPathOfTheSameName) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("real/x.py", "");
  std::filesystem::create_directory_symlink(folder / "real", folder / "link");
  std::filesystem::create_symlink(path, folder / "other.py");
  const auto script = declared(TargetKind::script, path);
  EXPECT_TRUE(is_meant(script, key_of(asks(ProgramKind::script, path))));
  EXPECT_TRUE(is_meant(script, key_of(asks(ProgramKind::script, folder / "link/x.py"))));
  EXPECT_TRUE(is_meant(script, key_of(asks(ProgramKind::script, "x.py", folder / "real"))));
  EXPECT_FALSE(is_meant(script, key_of(asks(ProgramKind::script, folder / "other.py"))));
  EXPECT_FALSE(is_meant(script, key_of(asks(ProgramKind::module, "x.py"))));
}

TEST(Declaration, OfAnEntryPointMeansItsScriptInAFolderForCommands) {
  const auto entry = declared(TargetKind::entry_point, "black");
  const auto script = [](std::string_view path) { return key_of(asks(ProgramKind::script, path)); };
  EXPECT_TRUE(is_meant(entry, key_of(asks(ProgramKind::entry_point, "dist:black"))));
  EXPECT_TRUE(is_meant(entry, script("/usr/bin/black")));
  EXPECT_TRUE(is_meant(entry, script("/home/me/.venv/bin/black")));
  EXPECT_TRUE(is_meant(entry, script("/usr/games/black")));
  EXPECT_FALSE(is_meant(entry, script("/home/me/black")));
  EXPECT_FALSE(is_meant(entry, script("/usr/bin/blacker")));
  EXPECT_FALSE(is_meant(entry, key_of(asks(ProgramKind::module, "black"))));
}

TEST(ModuleInAFolder, IsAFileOrAFolderOfItsFirstPart) {
  const test::TemporaryFolder folder;
  folder.write("one.py", "");
  folder.write("two/x.py", "");
  EXPECT_TRUE(folder_holds_module(folder.path(), "one"));
  EXPECT_TRUE(folder_holds_module(folder.path(), "two.x.y"));
  EXPECT_FALSE(folder_holds_module(folder.path(), "x"));
  EXPECT_FALSE(folder_holds_module(folder.path(), "o"));
}

}  // namespace
}  // namespace pml::service
