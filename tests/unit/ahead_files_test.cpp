#include "service/ahead_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace pml::service {
namespace {

namespace fs = std::filesystem;

using Files = std::vector<std::string>;

class AheadFilesTest : public testing::Test {
 protected:
  /// As a program has met it: with all that can be known of it, or that it is a folder.
  static ahead::FileFact met(const std::string& path) { return {path, ahead::identity_of(path)}; }
  static ahead::FileFact met_folder(const std::string& path) {
    ahead::FileFact fact = met(path);
    fact.identity.size = 0;
    fact.identity.modified = fact.identity.changed = 0;
    return fact;
  }
  Files told() {
    files_.look();
    return std::exchange(told_, {});
  }

  test::TemporaryFolder folder_;
  event::Loop loop_;
  Files told_;
  AheadFiles files_{loop_, [this](const std::string& file) { told_.push_back(file); }};
};

TEST_F(AheadFilesTest, TellOfAFileThatIsAnotherOneNow) {
  const std::string file = folder_.write("a", "1");
  EXPECT_EQ(files_.add({met(file)}), "");
  EXPECT_EQ(told(), Files{});
  folder_.write("a", "2 and more");
  EXPECT_EQ(told(), Files{file});
  fs::remove(file);
  EXPECT_EQ(told(), Files{});  // nothing is watched any more
}

TEST_F(AheadFilesTest, OneThatHasChangedAlreadyIsNotTaken) {
  const ahead::FileFact fact = met(folder_.write("a", "1"));
  folder_.write("a", "2 and more");
  EXPECT_EQ(files_.add({fact}), fact.path);
}

TEST_F(AheadFilesTest, OthersInTheSameFolderDoNotMatter) {
  EXPECT_EQ(files_.add({met(folder_.write("a", "1"))}), "");
  folder_.write("b", "1");
  EXPECT_EQ(told(), Files{});
}

TEST_F(AheadFilesTest, OneThatWasLookedForInVainIsAwaited) {
  const std::string absent = folder_ / "a/b/c";
  EXPECT_EQ(files_.add({met(absent)}), "");
  folder_.write("other", "");
  EXPECT_EQ(told(), Files{});
  fs::create_directory(folder_ / "a");
  EXPECT_EQ(told(), Files{folder_ / "a"});
}

TEST_F(AheadFilesTest, BelowAFileNothingComesBeforeThatChanges) {
  const std::string file = folder_.write("a", "1");
  EXPECT_EQ(files_.add({met(file + "/b")}), "");
  fs::remove(file);
  EXPECT_EQ(told(), Files{file});
}

TEST_F(AheadFilesTest, OfAFolderThatWasListedAllCounts) {
  fs::create_directory(folder_ / "listed");
  EXPECT_EQ(files_.add({met(folder_ / "listed")}), "");
  folder_.write("listed/new", "");
  EXPECT_EQ(told(), Files{folder_ / "listed"});
}

TEST_F(AheadFilesTest, OfAFolderThatOnlyWasLookedAtItsPlaceCounts) {
  fs::create_directory(folder_ / "folder");
  EXPECT_EQ(files_.add({met_folder(folder_ / "folder")}), "");
  folder_.write("folder/new", "");
  EXPECT_EQ(told(), Files{});
  fs::rename(folder_ / "folder", folder_ / "elsewhere");
  EXPECT_EQ(told(), Files{folder_ / "folder"});
}

TEST_F(AheadFilesTest, WhoListsItLaterKnowsMore) {
  fs::create_directory(folder_ / "folder");
  const std::string path = folder_ / "folder";
  EXPECT_EQ(files_.add({met_folder(path)}), "");
  EXPECT_FALSE(files_.watches(met(path)));
  EXPECT_EQ(files_.add({met(path)}), "");
  EXPECT_TRUE(files_.watches(met(path)));
  EXPECT_EQ(files_.add({met_folder(path)}), "");  // less than is known
  folder_.write("folder/new", "");
  EXPECT_EQ(told(), Files{path});
}

TEST_F(AheadFilesTest, TwoThatMetDifferentThingsAtOnePathAreNotBothRight) {
  const std::string file = folder_.write("a", "1");
  ahead::FileFact other = met(file);
  other.identity.inode += 1;
  EXPECT_EQ(files_.add({met(file), other}), file);
}

TEST_F(AheadFilesTest, ALinkCountsAtBothEnds) {
  const std::string real = folder_.write("one/real", "1");
  fs::create_directory(folder_ / "two");
  const std::string link = folder_ / "two/link";
  fs::create_symlink(real, link);
  EXPECT_EQ(files_.add({met(link)}), "");
  folder_.write("one/real", "2 and more");
  EXPECT_EQ(told(), Files{link});
}

TEST_F(AheadFilesTest, RelativePathsAreNotTaken) {
  EXPECT_EQ(files_.add({{"a", {}}}), "a");
}

TEST_F(AheadFilesTest, TheFolderThatGoesTakesItsFilesAlong) {
  const std::string file = folder_.write("one/a", "1");
  EXPECT_EQ(files_.add({met(file)}), "");
  fs::rename(folder_ / "one", folder_ / "two");
  EXPECT_EQ(told(), Files{file});
}

}  // namespace
}  // namespace pml::service
