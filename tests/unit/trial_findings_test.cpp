#include "service/trial_findings.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace {

using pml::ahead::FactKind;
using pml::service::judge_trial;
using pml::service::TrialVerdict;
using pml::trial::Asked;
using pml::trial::Outcome;
using pml::trial::Result;

constexpr std::int64_t k_later = std::numeric_limits<std::int64_t>::max();

Result ended(const std::string& text = "stops sys.argv\n") {
  Result result;
  result.outcome = Outcome::ended;
  result.text = text;
  result.recorded = true;
  return result;
}

bool has(const TrialVerdict& verdict, FactKind kind, const std::string& name = {}) {
  for (const pml::ahead::Fact& fact : verdict.findings->facts)
    if (fact.kind == kind && fact.name == name) return true;
  return false;
}

TEST(TrialFindings, what_was_run_is_told_once) {
  const TrialVerdict verdict =
      judge_trial(ended("stops sys.argv\ntried /a.so\ntried calls floor\ntried /a.so\n"), k_later);
  ASSERT_TRUE(verdict.findings);
  EXPECT_EQ(verdict.findings->tried, (std::vector<std::string>{"/a.so", "calls floor"}));
  EXPECT_TRUE(verdict.findings->facts.empty());
}

TEST(TrialFindings, a_deed_is_stopped_before_and_tried_again) {
  Result result;
  result.outcome = Outcome::stopped;
  result.stop = Asked{"mkdir", "makes a folder", "/a", "module"};
  const TrialVerdict verdict = judge_trial(result, k_later);
  EXPECT_FALSE(verdict.findings);
  EXPECT_EQ(verdict.stop_before, "module");
  EXPECT_EQ(verdict.why, "compiled code makes a folder");
}

TEST(TrialFindings, what_every_caller_is_compared_by_is_a_fact) {
  Result result = ended();
  result.facts = {{"getcwd", "asks for the current folder", "", "m"},
                  {"sched_getaffinity", "asks for its processors", "", "m"},
                  {"uname", "asks for the system's name", "", "m"},
                  {"openat", "asks the kernel", "/sys/devices/system/cpu/online", "m"}};
  result.library = {{"variable", "MY_LEVEL", "a.so", "m"}, {"clock", "time", "a.so", "m"}};
  const TrialVerdict verdict = judge_trial(result, k_later);
  ASSERT_TRUE(verdict.findings);
  EXPECT_TRUE(has(verdict, FactKind::folder));
  EXPECT_TRUE(has(verdict, FactKind::affinity));
  EXPECT_TRUE(has(verdict, FactKind::variable, "MY_LEVEL"));
  EXPECT_EQ(verdict.findings->facts.size(), 3U);
  EXPECT_TRUE(verdict.findings->template_stops.empty());
}

TEST(TrialFindings, what_no_caller_can_be_compared_by_is_stopped_before) {
  for (const Asked& asked :
       {Asked{"ioctl", "asks whether standard input is a terminal", "", "m"},
        Asked{"getpriority", "asks for its priority", "", "m"},
        Asked{"openat", "asks the kernel", "/proc/loadavg", "m"},
        Asked{"openat", "asks the kernel", "/sys/fs/cgroup/a/cpu.max", "m"},
        Asked{"openat", "asks the kernel", "/proc/sys/kernel/random/uuid", "m"}}) {
    Result result = ended();
    result.facts = {asked};
    EXPECT_EQ(judge_trial(result, k_later).stop_before, "m") << asked.what;
  }
  Result result = ended();
  result.library = {{"setting", "A", "a.so", "m"}};
  EXPECT_EQ(judge_trial(result, k_later).stop_before, "m");
}

TEST(TrialFindings, a_template_stops_before_what_each_process_has_for_itself) {
  Result result = ended();
  result.own = {{"getrandom", "draws random numbers", "", "first"},
                {"clone", "starts a thread", "", "second"}};
  result.library = {{"draw", "getentropy", "a.so", "third"}, {"seed", "srand", "a.so", "fourth"}};
  const TrialVerdict verdict = judge_trial(result, k_later);
  ASSERT_TRUE(verdict.findings);
  EXPECT_EQ(verdict.findings->template_stops, (std::vector<std::string>{"first", "third"}));
  result.own.front().module.clear();
  EXPECT_FALSE(judge_trial(result, k_later).findings);
}

TEST(TrialFindings, a_trial_without_its_end_tells_nothing) {
  for (const Outcome outcome : {Outcome::exited, Outcome::died, Outcome::timed_out,
                                Outcome::too_large, Outcome::unavailable}) {
    Result result = ended();
    result.outcome = outcome;
    const TrialVerdict verdict = judge_trial(result, k_later);
    EXPECT_FALSE(verdict.findings);
    EXPECT_TRUE(verdict.stop_before.empty());
    EXPECT_FALSE(verdict.why.empty());
  }
  EXPECT_FALSE(judge_trial(ended("fails it takes too long\n"), k_later).findings);
  Result unheard = ended();
  unheard.recorded = false;
  EXPECT_FALSE(judge_trial(unheard, k_later).findings);
}

TEST(TrialFindings, a_file_that_changed_meanwhile_is_tried_again) {
  const pml::test::TemporaryFolder folder;
  const std::string path = folder.write("file", "x");
  Result result = ended();
  result.files = {path, "/proc/self/maps"};
  const TrialVerdict before = judge_trial(result, k_later);
  ASSERT_TRUE(before.findings);
  ASSERT_EQ(before.findings->files.size(), 1U);
  EXPECT_EQ(before.findings->files.front().path, path);
  EXPECT_TRUE(judge_trial(result, 0).again);
  result.missing = {path};
  EXPECT_TRUE(judge_trial(result, k_later).again);
  result.files = {};
  result.missing = {path + "-not"};
  ASSERT_TRUE(judge_trial(result, k_later).findings);
  EXPECT_FALSE(judge_trial(result, k_later).findings->files.front().identity.exists);
}

TEST(TrialFindings, compiled_code_must_not_look_for_a_folder_that_is_to_be_made) {
  Result result = ended("stops sys.argv\ntried makes /a/left\n");
  EXPECT_TRUE(judge_trial(result, k_later).findings);
  result.missing = {"/a/left/x"};
  EXPECT_FALSE(judge_trial(result, k_later).findings);
}

TEST(TrialFindings, past_its_arguments_the_clock_is_a_stop_and_chance_is_none) {
  Result result = ended("stops time.time\ntried /a.so\n");
  result.library = {{"clock", "time", "a.so", "m"},
                    {"clock", "time", "_pml_zygote.so", "+n"},
                    {"draw", "getrandom", "a.so", "+n"}};
  result.own = {{"clone", "starts a thread", "", "+n"}};
  TrialVerdict verdict = judge_trial(result, k_later, "words");
  ASSERT_TRUE(verdict.findings);
  EXPECT_EQ(verdict.findings->arguments, "words");
  EXPECT_TRUE(verdict.findings->template_stops.empty());
  result.library.push_back({"clock", "time", "a.so", "+n"});
  verdict = judge_trial(result, k_later, "words");
  EXPECT_FALSE(verdict.findings);
  EXPECT_EQ(verdict.stop_before, "n");
  EXPECT_EQ(verdict.why, "a.so looks at the clock");
}

}  // namespace
