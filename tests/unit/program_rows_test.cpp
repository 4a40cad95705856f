#include "service/program_rows.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <list>

#include "temporary_folder.hpp"

namespace pml::service {
namespace {

using profile::TargetKind;

class Rows : public ::testing::Test {
 protected:
  Program& script(const std::string& target, const std::string& folder = "") {
    Program& program = programs_.emplace_back();
    program.id = programs_.size();
    program.record.key = {TargetKind::script, target, {}, folder};
    program.name = name_of(program.record.key);
    return program;
  }
  Program& module(const std::string& target, const std::string& folder = "") {
    Program& program = script(target, folder);
    program.record.key.kind = TargetKind::module;
    program.name = name_of(program.record.key);
    return program;
  }
  [[nodiscard]] std::vector<ProgramRow> rows() const {
    std::vector<const Program*> all;
    for (const Program& program : programs_) all.push_back(&program);
    return rows_of(std::move(all));
  }
  test::TemporaryFolder folder_;

 private:
  std::list<Program> programs_;
};

TEST_F(Rows, WaysToStartOneFileAreOneRow) {
  const std::string file = folder_.write("bin/tool", "");
  std::filesystem::create_symlink(file, folder_ / "tool");
  script(file);
  script(folder_ / "tool");
  script("bin/tool", folder_.path());
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().front().size(), 3U);
}

TEST_F(Rows, FilesOfOneNameInTwoPlacesAreTwo) {
  script(folder_.write("one/tool", ""));
  script(folder_.write("two/tool", ""));
  EXPECT_EQ(rows().size(), 2U);
}

TEST_F(Rows, AModuleIsOneForEachFolderThatHoldsIt) {
  folder_.write("one/tool.py", "");
  folder_.write("two/tool.py", "");
  folder_.write("three/other.py", "");
  folder_.write("four/other.py", "");
  for (const char* name : {"one", "two", "three", "four"}) module("tool", folder_ / name);
  EXPECT_EQ(rows().size(), 3U);  // what lies elsewhere is the installed one
}

TEST_F(Rows, ADeclarationIsOneHoweverItIsStarted) {
  for (Program* program : {&script("/usr/bin/tool"), &module("tool"), &script("/opt/tool")}) {
    program->declared = true;
    program->name = "tool";
  }
  EXPECT_EQ(rows().size(), 1U);
}

TEST_F(Rows, DeclaredComeFirstThenWhatWasStartedLast) {
  const Program& old = script("/a/old");
  Program& late = script("/a/late");
  Program& declared = script("/a/declared");
  late.record.launched(1000);
  declared.declared = true;
  const auto found = rows();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].front(), &declared);
  EXPECT_EQ(found[1].front(), &late);
  EXPECT_EQ(found[2].front(), &old);
}

TEST_F(Rows, IsCalledByItsNameOrAPathToItsFile) {
  const std::string file = folder_.write("bin/tool", "");
  std::filesystem::create_symlink(file, folder_ / "link");
  const Program& program = script(file);
  EXPECT_TRUE(is_called(program, "tool"));
  EXPECT_TRUE(is_called(program, file));
  EXPECT_TRUE(is_called(program, folder_ / "link"));
  EXPECT_FALSE(is_called(program, "link"));
  EXPECT_FALSE(is_called(program, folder_ / "bin"));
  EXPECT_FALSE(is_called(module("json.tool"), "/json.tool"));
}

TEST(Record, CountsLaunchesSinceATime) {
  ProgramRecord record;
  for (const std::time_t when : {100, 200, 300}) record.launched(when);
  EXPECT_EQ(record.launches, 3U);
  EXPECT_EQ(record.launches_since(200), 2U);
  EXPECT_EQ(record.launches_since(301), 0U);
  EXPECT_EQ(record.last.front(), 300);
}

TEST(Record, ForgetsWhatWasFoundOutAndKeepsWhatWasCounted) {
  ProgramRecord record;
  record.launched(100);
  record.saved_usec = 7;
  record.template_stops = {"ctypes"};
  record.worker_stops = {"numpy"};
  record.question = "sys.argv";
  record.given_up = "it ends without a question";
  record.given_up_at = 100;
  record.find_out_anew();
  EXPECT_TRUE(record.template_stops.empty() && record.worker_stops.empty());
  EXPECT_TRUE(record.question.empty() && record.given_up.empty());
  EXPECT_EQ(record.given_up_at, 0);
  EXPECT_EQ(record.launches, 1U);
  EXPECT_EQ(record.saved_usec, 7U);
}

}  // namespace
}  // namespace pml::service
