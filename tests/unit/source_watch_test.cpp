#include "service/source_watch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace pml::service {
namespace {

namespace fs = std::filesystem;

constexpr timespec k_before_all{0, 0};
constexpr timespec k_after_all{1LL << 33, 0};

class SourceWatchTest : public testing::Test {
 protected:
  /// What was told since the last time this was asked.
  std::vector<std::string> told() {
    watch_.look();
    return std::exchange(told_, {});
  }
  using Files = std::vector<std::string>;

  test::TemporaryFolder folder_;
  event::Loop loop_;
  Files told_;
  SourceWatch watch_{loop_, [this](const std::string& file) { told_.push_back(file); }};
};

TEST_F(SourceWatchTest, TellsOfAFileThatWasWritten) {
  const std::string file = folder_.write("a.py", "1");
  watch_.watch({file}, k_after_all);
  EXPECT_EQ(told(), Files{});
  folder_.write("a.py", "2 and more");
  EXPECT_EQ(told(), Files{file});
}

TEST_F(SourceWatchTest, TellsOnce) {
  const Files files = {folder_.write("a.py", "1"), folder_.write("b.py", "1")};
  watch_.watch(files, k_after_all);
  fs::remove(files[1]);
  fs::remove(files[0]);
  EXPECT_EQ(told(), Files{files[1]});
  EXPECT_EQ(told(), Files{});
  watch_.watch(files, k_after_all);
  folder_.write("a.py", "1");
  EXPECT_EQ(told(), Files{files[0]});
}

TEST_F(SourceWatchTest, OthersInTheSameFolderDoNotMatter) {
  watch_.watch({folder_.write("a.py", "1")}, k_after_all);
  folder_.write("b.py", "1");
  fs::remove(folder_ / "b.py");
  EXPECT_EQ(told(), Files{});
}

TEST_F(SourceWatchTest, ReadingChangesNothing) {
  const std::string file = folder_.write("a.py", "1");
  watch_.watch({file}, k_after_all);
  std::string text;
  std::ifstream(file) >> text;
  EXPECT_EQ(told(), Files{});
}

TEST_F(SourceWatchTest, OpeningToWriteChangesNothingYet) {
  const std::string file = folder_.write("a.py", "1");
  watch_.watch({file}, k_after_all);
  std::ofstream(file, std::ios::app).close();
  EXPECT_EQ(told(), Files{});
}

TEST_F(SourceWatchTest, WhatWasChangedWhenItMayHaveBeenReadCountsAtOnce) {
  const std::string file = folder_.write("a.py", "1");
  watch_.watch({file}, k_before_all);
  EXPECT_EQ(told_, Files{file});
}

TEST_F(SourceWatchTest, AwaitsAFileThatIsNotThere) {
  const std::string file = folder_ / "later.py";
  watch_.watch({file}, k_after_all);
  EXPECT_EQ(told(), Files{});
  folder_.write("later.py", "");
  EXPECT_EQ(told(), Files{file});
}

TEST_F(SourceWatchTest, AwaitsTheFolderThatIsMissing) {
  watch_.watch({folder_ / "a/b/c.py"}, k_after_all);
  fs::create_directory(folder_ / "other");
  EXPECT_EQ(told(), Files{});
  fs::create_directory(folder_ / "a");
  EXPECT_EQ(told(), Files{folder_ / "a"});
}

TEST_F(SourceWatchTest, TellsOfAFileThatAnotherTakesThePlaceOf) {
  const std::string file = folder_.write("a.py", "1");
  folder_.write("new", "1");
  watch_.watch({file}, k_after_all);
  fs::rename(folder_ / "new", file);
  EXPECT_EQ(told(), Files{file});
}

TEST_F(SourceWatchTest, ALinkIsWatchedAtBothEnds) {
  const std::string real = folder_.write("one/real.py", "1");
  fs::create_directory(folder_ / "two");
  const std::string link = folder_ / "two/link.py";
  fs::create_symlink(real, link);
  watch_.watch({link}, k_after_all);
  folder_.write("one/real.py", "2 and more");
  EXPECT_EQ(told(), Files{fs::canonical(real).string()});
  watch_.watch({link}, k_after_all);
  fs::remove(link);
  EXPECT_EQ(told(), Files{link});
}

TEST_F(SourceWatchTest, APatternStandsForThoseThatAreThereAndThoseThatCome) {
  folder_.write("a.pth", "1");
  watch_.watch({folder_ / "*.pth"}, k_after_all);
  folder_.write("a.txt", "1");
  folder_.write(".hidden.pth", "1");
  EXPECT_EQ(told(), Files{});
  folder_.write("b.pth", "1");
  EXPECT_EQ(told(), Files{folder_ / "b.pth"});
  watch_.watch({folder_ / "*.pth"}, k_after_all);
  fs::remove(folder_ / "a.pth");
  EXPECT_EQ(told(), Files{folder_ / "a.pth"});
}

TEST_F(SourceWatchTest, AFolderThatGoesIsTold) {
  const std::string file = folder_.write("one/a.py", "1");
  watch_.watch({file}, k_after_all);
  fs::rename(folder_ / "one", folder_ / "two");
  EXPECT_EQ(told(), Files{folder_ / "one"});
}

TEST_F(SourceWatchTest, RelativePathsAreNobodysAndClearedOnesAreForgotten) {
  const std::string file = folder_.write("a.py", "1");
  watch_.watch({"a.py", ""}, k_after_all);
  watch_.watch({file}, k_after_all);
  watch_.clear();
  fs::remove(file);
  EXPECT_EQ(told(), Files{});
}

TEST_F(SourceWatchTest, WhatTheCallBackWatchesIsWatched) {
  const Files files = {folder_.write("a.py", "1"), folder_.write("b.py", "1")};
  SourceWatch again(loop_, [&](const std::string& file) {
    told_.push_back(file);
    again.watch({files[1]}, k_after_all);
  });
  again.watch({files[0]}, k_after_all);
  fs::remove(files[0]);
  again.look();
  fs::remove(files[1]);
  again.look();
  EXPECT_EQ(told_, files);
}

}  // namespace
}  // namespace pml::service
