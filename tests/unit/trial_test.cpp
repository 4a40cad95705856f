#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <fstream>

#include "temporary_folder.hpp"
#include "trial/call_table.hpp"
#include "trial/preload_result.hpp"
#include "trial/result.hpp"
#include "trial/snapshot.hpp"

namespace pml::trial {
namespace {

TEST(Result, ComesBack) {
  Result result;
  result.outcome = Outcome::stopped;
  result.text = "here";
  result.stop = {"mkdir", "makes a folder", "/home/me/.tmp", "config"};
  result.own = {{"getpid", "asks for its process id", "", "os"}};
  result.facts = {{"getcwd", "asks for the current folder", "", ""}};
  result.files = {"/a"};
  result.folders = {"/"};
  result.missing = {"/b"};
  result.library = {{"variable", "HOME", "libx.so", "x"}};
  result.recorded = true;
  result.seconds = 0.5;
  result.cpu_seconds = 0.25;
  result.max_rss = 1 << 20;
  const auto back = result_of(json_of(result));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->outcome, result.outcome);
  EXPECT_EQ(back->text, result.text);
  EXPECT_EQ(back->stop, result.stop);
  EXPECT_EQ(back->own, result.own);
  EXPECT_EQ(back->facts, result.facts);
  EXPECT_EQ(back->files, result.files);
  EXPECT_EQ(back->folders, result.folders);
  EXPECT_EQ(back->missing, result.missing);
  EXPECT_EQ(back->library, result.library);
  EXPECT_EQ(back->recorded, result.recorded);
  EXPECT_EQ(back->seconds, result.seconds);
  EXPECT_EQ(back->cpu_seconds, result.cpu_seconds);
  EXPECT_EQ(back->max_rss, result.max_rss);
}

TEST(Result, AnyBytesArePrinted) {
  Result result;
  result.files = {"/tmp/\xff"};
  EXPECT_TRUE(result_of(json_of(result)));
}

TEST(Result, SomethingElseIsNoResult) {
  EXPECT_FALSE(result_of(""));
  EXPECT_FALSE(result_of("{}"));
  EXPECT_FALSE(result_of("[1]"));
}

TEST(CallTable, WhatIsNotKnownIsAStop) {
  EXPECT_EQ(rule_of(1023).verdict, Verdict::stop);
  EXPECT_EQ(rule_of(1ULL << 40).verdict, Verdict::stop);
  EXPECT_EQ(rule_of(SYS_io_uring_setup).verdict, Verdict::stop);
  EXPECT_EQ(rule_of(SYS_bpf).verdict, Verdict::stop);
}

TEST(CallTable, WhatChangesAnythingIsAStop) {
  for (const long number : {SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_execve, SYS_kill,
                            SYS_connect, SYS_sendto, SYS_umask, SYS_write, SYS_ftruncate})
    EXPECT_EQ(rule_of(static_cast<std::uint64_t>(number)).verdict, Verdict::stop) << number;
}

class Kept : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("XDG_STATE_HOME", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("XDG_STATE_HOME"); }
  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, text);
  }
  PreloadResult result(const std::string& file) {
    PreloadResult made;
    made.key = "key";
    made.files = {{file, identity_of(file)}};
    made.heard = {{RecordKind::draw, "torch._C", "libc10.so.1", "/dev/urandom"}};
    made.observed = true;
    made.verified = {{"json", ""}, {"torch", "sys.path is another"}};
    return made;
  }
  test::TemporaryFolder folder_;
};

TEST_F(Kept, ComesBackForTheSameFiles) {
  const std::string file = write("a.so", "one");
  PreloadResults("p").keep(result(file));
  const auto back = PreloadResults("p").find("key");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->heard, result(file).heard);
  EXPECT_EQ(back->verified, result(file).verified);
  EXPECT_TRUE(back->observed);
}

TEST_F(Kept, NotForOthers) {
  const std::string file = write("a.so", "one");
  PreloadResults("p").keep(result(file));
  EXPECT_FALSE(PreloadResults("p").find("another key"));
  EXPECT_FALSE(PreloadResults("q").find("key"));
  write("a.so", "another");
  EXPECT_FALSE(PreloadResults("p").find("key"));
}

TEST_F(Kept, NotWhereAFileCameThatWasNotThere) {
  const std::string pattern = folder_ / "*.pth";
  PreloadResults("p").keep(result(pattern));
  EXPECT_TRUE(PreloadResults("p").find("key"));
  write("new.pth", "");
  EXPECT_FALSE(PreloadResults("p").find("key"));
}

TEST_F(Kept, ABrokenFileIsNone) {
  PreloadResults("p").keep(result(write("a.so", "one")));
  std::ofstream(folder_ / "pml/preloads/p.json") << "{\"version\": 1";
  EXPECT_FALSE(PreloadResults("p").find("key"));
}

TEST_F(Kept, CoversWhatTheTrialHasSeen) {
  const PreloadResult made = result("/x/a.so");
  EXPECT_TRUE(made.covers({"/x/a.so", "/x/a.py", "/x/*.so"}));
  EXPECT_FALSE(made.covers({"/x/b.so.1"}));
}

TEST(Snapshot, DifferencesAreSentences) {
  const Snapshot cold = snapshot_of("a\t1\nb\t2\nc\t3\n"), warm = snapshot_of("a\t1\nb\t9\nd\t4\n");
  const std::vector<std::string> expected = {"b is 9 under pml, not 2", "c is missing under pml",
                                             "d is there under pml only"};
  EXPECT_EQ(differences(warm, {cold, cold}), expected);
}

TEST(Snapshot, WhatDiffersBetweenTwoColdOnesDoesNotCount) {
  const Snapshot cold = snapshot_of("a\t1\nb\t2\n"), again = snapshot_of("a\t1\nb\t3\n");
  const Snapshot warm = snapshot_of("a\t1\nb\t9\n");
  EXPECT_TRUE(differences(warm, {cold, again}).empty());
  EXPECT_TRUE(differences(warm, {cold, cold, again}).empty());
  EXPECT_FALSE(differences(warm, {cold, cold}).empty());
}

}  // namespace
}  // namespace pml::trial
