#include "worker/process_facts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/unique_fd.hpp"
#include "temporary_folder.hpp"

namespace pml::worker {
namespace {

namespace fs = std::filesystem;

std::string value(FactKind kind, int number = 0, const std::string& name = {},
                  const RunOptions& options = {}) {
  return value_of({kind, number, name}, options);
}

/// A current folder of the test's own.
class ProcessFacts : public testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    fs::current_path(folder_.path());
  }
  void TearDown() override { fs::current_path(before_); }
  test::TemporaryFolder folder_;
  fs::path before_;
};

TEST_F(ProcessFacts, OfTheFolderAreItsPathOrWhetherThereIsOne) {
  EXPECT_EQ(value(FactKind::folder), fs::canonical(folder_.path()).string());
  EXPECT_EQ(value(FactKind::folder, 0, "any"), "0");
  const std::string gone = folder_ / "gone";
  fs::create_directory(gone);
  fs::current_path(gone);
  fs::remove(gone);
  EXPECT_EQ(value(FactKind::folder), "");
  EXPECT_EQ(value(FactKind::folder, 0, "any"), "1");
}

TEST_F(ProcessFacts, OfAFileChangeWithIt) {
  const std::string absent = value(FactKind::file, 0, "setting");
  EXPECT_EQ(absent, "");
  folder_.write("setting", "1");
  const std::string first = value(FactKind::file, 0, "setting");
  EXPECT_NE(first, "");
  EXPECT_EQ(value(FactKind::file, 0, "setting"), first);
  folder_.write("other", "1");
  fs::rename(folder_ / "other", folder_ / "setting");
  EXPECT_NE(value(FactKind::file, 0, "setting"), first);
}

TEST_F(ProcessFacts, OfNoNameAreOfTheFolderItself) {
  const std::string first = value(FactKind::file);
  EXPECT_NE(first, "");
  EXPECT_EQ(first, value(FactKind::file, 0, "."));
}

TEST_F(ProcessFacts, OfDescriptors) {
  const base::UniqueFd file(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(value(FactKind::descriptor, file.get()), "open");
  EXPECT_EQ(value(FactKind::terminal, file.get()), "");
  EXPECT_EQ(value(FactKind::descriptor, 1 << 20), "closed");
}

TEST_F(ProcessFacts, OfTheUmaskLeaveItAsItIs) {
  const mode_t before = ::umask(027);
  EXPECT_EQ(value(FactKind::umask), std::to_string(027));
  EXPECT_EQ(::umask(before), static_cast<mode_t>(027));
  EXPECT_NE(value(FactKind::umask), std::to_string(027));
}

TEST_F(ProcessFacts, OfOptionsAreTheJobsAndNotThisProcesss) {
  RunOptions options;
  const auto differs = [&](FactKind kind, const std::string& name = {}, int number = 0) {
    return value(kind, number, name, options) != value(kind, number, name);
  };
  options.unbuffered = true;
  EXPECT_TRUE(differs(FactKind::buffering));
  options.io_errors = "strict";
  EXPECT_TRUE(differs(FactKind::encoding));
  options.warnings = {"error"};
  EXPECT_TRUE(differs(FactKind::warnings));
  options.x_options = {"faulthandler"};
  EXPECT_TRUE(differs(FactKind::x_options));
  options.quiet = 1;
  EXPECT_TRUE(differs(FactKind::flag, "quiet"));
  EXPECT_FALSE(differs(FactKind::flag, "optimize"));
  options.ignored_signals = 1;
  EXPECT_TRUE(differs(FactKind::signal, {}, 1));
  EXPECT_FALSE(differs(FactKind::signal, {}, 2));
}

TEST_F(ProcessFacts, OfListsTellTheirBoundaries) {
  RunOptions one, two;
  one.warnings = {"ab", "c"};
  two.warnings = {"a", "bc"};
  EXPECT_NE(value(FactKind::warnings, 0, {}, one), value(FactKind::warnings, 0, {}, two));
}

TEST_F(ProcessFacts, AnEmptyZoneIsNotNone) {
  RunOptions options;
  options.time_zone = "";
  EXPECT_NE(value(FactKind::zone, 0, {}, options), value(FactKind::zone));
}

TEST_F(ProcessFacts, OfSignalsThatAreNone) {
  RunOptions options;
  options.ignored_signals = ~std::uint64_t{0};
  EXPECT_EQ(value(FactKind::signal, 64, {}, options), "ignored");
  EXPECT_EQ(value(FactKind::signal, 0, {}, options), "");
  EXPECT_EQ(value(FactKind::signal, 65, {}, options), "");
  EXPECT_EQ(value(FactKind::signal, -1, {}, options), "");
}

TEST_F(ProcessFacts, OfAddedFoldersAreTheMetadataInThem) {
  RunOptions options;
  options.python_path = {folder_ / "one"};
  options.program_folder = folder_ / "two";
  folder_.write("one/x.py", "");
  folder_.write("two/package/x.py", "");
  EXPECT_EQ(value(FactKind::added_folders, 0, {}, options), "");
  folder_.write("one/x-1.dist-info/METADATA", "");
  const std::string first = value(FactKind::added_folders, 0, {}, options);
  EXPECT_NE(first.find("x-1.dist-info"), std::string::npos);
  folder_.write("two/y.egg-link", "");
  EXPECT_NE(value(FactKind::added_folders, 0, {}, options), first);
}

TEST_F(ProcessFacts, OfAPackageAreItsPartsInAddedFolders) {
  RunOptions options;
  options.python_path = {folder_ / "one", folder_ / "two"};
  fs::create_directories(folder_ / "one");
  folder_.write("two/package/x.py", "");
  const std::string first = value(FactKind::added_folders, 0, "package", options);
  EXPECT_NE(first.find("two/package"), std::string::npos);
  folder_.write("one/package.pkg", "");
  EXPECT_NE(value(FactKind::added_folders, 0, "package", options), first);
  EXPECT_EQ(value(FactKind::added_folders, 0, "pack", options), "");
}

TEST_F(ProcessFacts, ThoseThatAProgramChangesAreOfTheProcessItself) {
  EXPECT_TRUE(can_change(FactKind::folder) && can_change(FactKind::umask) &&
              can_change(FactKind::file) && can_change(FactKind::descriptor));
  EXPECT_FALSE(can_change(FactKind::own) || can_change(FactKind::warnings) ||
               can_change(FactKind::zone));
}

TEST_F(ProcessFacts, OfNoTwoProcessesAreTheSame) {
  EXPECT_EQ(value(FactKind::own), std::to_string(::getpid()));
}

}  // namespace
}  // namespace pml::worker
