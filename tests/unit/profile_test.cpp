#include "profile/profile.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "profile/draft.hpp"
#include "profile/duration.hpp"
#include "profile/expand.hpp"
#include "profile/near_miss.hpp"
#include "profile/size.hpp"
#include "temporary_folder.hpp"

namespace pml::profile {
namespace {

using std::chrono::microseconds;
using test::ScopedVariable;
using test::TemporaryFolder;
using Words = std::vector<std::string>;

Profile good(std::string_view text) {
  Draft draft;
  merge_text("f", text, draft);
  finish(draft);
  for (const Problem& problem : draft.problems) ADD_FAILURE() << text << "\n" << problem.one_line();
  return draft.profile;
}

std::string bad(std::string_view text) {
  Draft draft;
  merge_text("f", text, draft);
  finish(draft);
  std::string lines;
  for (const Problem& problem : draft.problems)
    lines += (lines.empty() ? "" : "\n") + problem.one_line();
  return lines;
}

TEST(Profile, TheSchemaOfTheManualIsRead) {
  const ScopedVariable home("HOME", "/home/someone");
  const ScopedVariable venv("VENV", "/venv");
  const Profile profile = good(R"(
description = "Qt tools"
[python]
interpreter = "$VENV/bin/python3"
path = ["~/lib", "${VENV}/more"]
env = { B = "2", A = "1" }
[preload]
modules = ["PySide2.QtWidgets", "json", "json"]
optional = ["numpy"]
after-fork = ["grpc"]
warmup = ["a.b:c"]
[pool]
workers = 7
spare = 7
max-jobs = 9
max-queue = 0
idle-exit = "2h"
preload-timeout = "1min 30s"
[watch]
sources = false
imports = true
[job]
cgroup = "scope"
)");
  EXPECT_EQ(profile.description, "Qt tools");
  EXPECT_EQ(profile.interpreter, "/venv/bin/python3");
  EXPECT_EQ(profile.path, (Words{"/home/someone/lib", "/venv/more"}));
  ASSERT_EQ(profile.environment.size(), 2U);
  EXPECT_EQ(profile.environment[0], std::pair(std::string("A"), std::string("1")));
  EXPECT_EQ(profile.modules, (Words{"PySide2.QtWidgets", "json"}));
  EXPECT_EQ(profile.optional, Words{"numpy"});
  EXPECT_EQ(profile.after_fork, Words{"grpc"});
  EXPECT_EQ(profile.warmup, Words{"a.b:c"});
  EXPECT_EQ(profile.workers, 7U);
  EXPECT_EQ(profile.spare, 7U);
  EXPECT_EQ(profile.max_jobs, 9U);
  EXPECT_EQ(profile.max_queue, 0U);
  EXPECT_EQ(profile.idle_exit, std::chrono::hours(2));
  EXPECT_EQ(profile.preload_timeout, std::chrono::seconds(90));
  EXPECT_FALSE(profile.watch_sources);
  EXPECT_TRUE(profile.watch_imports);
  EXPECT_EQ(profile.cgroup, Cgroup::scope);
}

TEST(Profile, WhatIsNotSetHasTheDefaultsOfTheManual) {
  const Profile profile = good("# nothing but a comment\n");
  EXPECT_EQ(profile.interpreter, "/usr/bin/python3");
  EXPECT_TRUE(profile.modules.empty());
  EXPECT_EQ(profile.workers, 5U);
  EXPECT_EQ(profile.spare, 3U);
  EXPECT_EQ(profile.max_jobs, 0U);
  EXPECT_EQ(profile.max_queue, 128U);
  EXPECT_EQ(profile.idle_exit, microseconds(0));
  EXPECT_EQ(profile.preload_timeout, std::chrono::seconds(60));
  EXPECT_TRUE(profile.watch_sources);
  EXPECT_FALSE(profile.watch_imports);
  EXPECT_EQ(profile.cgroup, Cgroup::service);
}

TEST(Profile, FewWorkersLowerTheSparesThatNobodySet) {
  EXPECT_EQ(good("pool.workers = 1").spare, 1U);
  EXPECT_EQ(good("pool.workers = 4").spare, 3U);
}

TEST(Profile, AModuleIsImportedInOnePlaceOnly) {
  const Profile profile = good(
      "[preload]\nmodules = ['a', 'b', 'c']\noptional = ['b', 'd', 'e']\nafter-fork = ['c', "
      "'d']\n");
  EXPECT_EQ(profile.modules, (Words{"a", "b"}));
  EXPECT_EQ(profile.optional, Words{"e"});
  EXPECT_EQ(profile.after_fork, (Words{"c", "d"}));
}

TEST(Profile, ProgramsAreDeclaredAndLearned) {
  const ScopedVariable home("HOME", "/home/someone");
  const Profile profile = good(R"(
[program.black]
entry-point = "black"
workers = 2
[program."report.py"]
script = "~/bin/report.py"
[program.tests]
module = "pytest"
[learn]
programs = "all"
memory = "1.5G"
most = 3
environments = false
)");
  ASSERT_EQ(profile.programs.size(), 3U);
  EXPECT_EQ(profile.programs[0].name, "black");
  EXPECT_EQ(profile.programs[0].kind, TargetKind::entry_point);
  EXPECT_EQ(profile.programs[0].target, "black");
  EXPECT_EQ(profile.programs[0].workers, 2U);
  EXPECT_EQ(profile.programs[1].kind, TargetKind::script);
  EXPECT_EQ(profile.programs[1].target, "/home/someone/bin/report.py");
  EXPECT_EQ(profile.programs[1].workers, 1U);
  EXPECT_EQ(profile.programs[2].kind, TargetKind::module);
  EXPECT_EQ(profile.learning.programs, Learnt::all);
  EXPECT_EQ(profile.learning.memory, std::uint64_t{1536} << 20);
  EXPECT_EQ(profile.learning.most, 3U);
  EXPECT_FALSE(profile.learning.environments);
  const Learning usual = good("").learning;
  EXPECT_EQ(usual.programs, Learnt::installed);
  EXPECT_EQ(usual.memory, std::uint64_t{512} << 20);
  EXPECT_EQ(usual.most, 16U);
  EXPECT_TRUE(usual.environments);
}

TEST(Profile, AStrongerFileSaysAnewWhatAProgramIs) {
  Draft draft;
  merge_text("weak", "[program.a]\nmodule = 'b'\nworkers = 3", draft);
  merge_text("strong", "[program.a]\nscript = '/c.py'", draft);
  finish(draft);
  ASSERT_TRUE(draft.problems.empty());
  ASSERT_EQ(draft.profile.programs.size(), 1U);
  EXPECT_EQ(draft.profile.programs[0].kind, TargetKind::script);
  EXPECT_EQ(draft.profile.programs[0].target, "/c.py");
  EXPECT_EQ(draft.profile.programs[0].workers, 3U);
  for (const Origin& origin : draft.profile.provenance) EXPECT_NE(origin.key, "program.a.module");
}

TEST(Size, IsReadAsSystemdDoes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("700"), 700U);
  EXPECT_EQ(parse_size("2K"), 2048U);
  EXPECT_EQ(parse_size("0.5G"), std::uint64_t{512} << 20);
  EXPECT_EQ(parse_size("1T"), std::uint64_t{1} << 40);
  for (const char* wrong :
       {"", "M", "-1", "1.", ".5", "1.2.3", "1 M", "1MB", "1k", "x", "9999999T"})
    EXPECT_FALSE(parse_size(wrong)) << wrong;
}

struct BadCase {
  const char* text;
  const char* expected;
};

class BadProfile : public testing::TestWithParam<BadCase> {};

TEST_P(BadProfile, IsExplainedAtItsPlace) {
  const ScopedVariable unset("PML_TEST_UNSET", nullptr);
  EXPECT_EQ(bad(GetParam().text), GetParam().expected) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadProfile,
    testing::Values(
        BadCase{"[program.a]\nentrypoint = 'b'\nscript = '/c'",
                "f:2:1: unknown key \"program.a.entrypoint\" (did you mean "
                "\"program.a.entry-point\"?)"},
        BadCase{"[program.a]\nscript = 'b.py'",
                "f:2:10: \"program.a.script\": \"b.py\" is not an absolute path"},
        BadCase{"[program.a]\nscript = '/b'\nmodule = 'c'",
                "f:3:1: \"program.a.module\": the program has \"script\" already, and is only one "
                "of them"},
        BadCase{"[program.a]\nmodule = 'b-c'",
                "f:2:10: \"program.a.module\": \"b-c\" is not a module's name (did you mean "
                "\"b_c\"?)"},
        BadCase{"[program.a]\nworkers = 2",
                "f:1:10: \"program.a\" does not say what the program is (add \"entry-point\", "
                "\"script\" or \"module\")"},
        BadCase{"[program.a]\nscript = '/b'\nworkers = 0",
                "f:3:11: \"program.a.workers\" must be between 1 and 100, not 0"},
        BadCase{
            "program.a = 'b'",
            "f:1:13: \"program.a\" must be a table, not a string (write [program.NAME] above the "
            "keys of a program)"},
        BadCase{"program = 'b'",
                "f:1:11: \"program\" must be a table of programs, not a string (write "
                "[program.NAME])"},
        BadCase{"[programs.a]\nscript = '/b'",
                "f:1:2: unknown key \"programs\" (did you mean \"program\"?)"},
        BadCase{"[learn]\nprograms = 'instaled'",
                "f:2:12: \"learn.programs\" must be \"installed\", \"all\" or \"none\", not "
                "\"instaled\" (did you mean \"installed\"?)"},
        BadCase{"[learn]\nmemory = '12 apples'",
                "f:2:10: \"learn.memory\": \"12 apples\" is not an amount of memory (write it as "
                "\"512M\" or \"2G\")"},
        BadCase{"[learn]\nmemory = 512",
                "f:2:10: \"learn.memory\" must be a string, not an integer (write \"512\")"},
        BadCase{"[learn]\nmost = -1", "f:2:8: \"learn.most\" must be between 0 and 1000, not -1"},
        BadCase{"[pool]\nworker = 5",
                "f:2:1: unknown key \"pool.worker\" (did you mean \"pool.workers\"?)"},
        BadCase{"[pool]\n  max_jobs = 5",
                "f:2:3: unknown key \"pool.max_jobs\" (did you mean \"pool.max-jobs\"?)"},
        BadCase{"workers = 5", "f:1:1: unknown key \"workers\" (did you mean \"pool.workers\"?)"},
        BadCase{"[pool]\nmodules = []",
                "f:2:1: unknown key \"pool.modules\" (did you mean \"preload.modules\"?)"},
        BadCase{"[pool]\nmodlues = []",
                "f:2:1: unknown key \"pool.modlues\" (did you mean \"preload.modules\"?)"},
        BadCase{"[pools]\nworkers = 5", "f:1:2: unknown key \"pools\" (did you mean \"pool\"?)"},
        BadCase{"[python]\nenvironment = {}",
                "f:2:1: unknown key \"python.environment\" (did you mean \"python.env\"?)"},
        BadCase{"Description = \"x\"",
                "f:1:1: unknown key \"Description\" (did you mean \"description\"?)"},
        BadCase{"[pool]\nzzzzzz = 5", "f:2:1: unknown key \"pool.zzzzzz\""},
        BadCase{"\"a\\nb\" = 1", "f:1:1: unknown key \"a?b\""},
        BadCase{"[pool.workers]\nx = 1", "f:1:1: \"pool.workers\" must be an integer, not a table"},
        BadCase{"pool = 5", "f:1:8: \"pool\" must be a table, not an integer (write [pool])"},
        BadCase{"[[pool]]\nworkers = 1",
                "f:1:1: \"pool\" must be a table, not a list (write [pool])"},
        BadCase{"[pool]\nx = 1\nworkers = \"a\"\ny = 2",
                "f:2:1: unknown key \"pool.x\"\n"
                "f:3:11: \"pool.workers\" must be an integer, not a string\n"
                "f:4:1: unknown key \"pool.y\""}));

INSTANTIATE_TEST_SUITE_P(
    Types, BadProfile,
    testing::Values(
        BadCase{
            "[pool]\nworkers = \"5\"",
            "f:2:11: \"pool.workers\" must be an integer, not a string (write 5 without quotes)"},
        BadCase{"[pool]\nworkers = 5.0",
                "f:2:11: \"pool.workers\" must be an integer, not a fraction"},
        BadCase{"[pool]\nworkers = true",
                "f:2:11: \"pool.workers\" must be an integer, not a boolean"},
        BadCase{"[pool]\nworkers = 2020-01-01",
                "f:2:11: \"pool.workers\" must be an integer, not a date or time"},
        BadCase{"description = 5",
                "f:1:15: \"description\" must be a string, not an integer (write \"5\")"},
        BadCase{"[watch]\nsources = \"true\"",
                "f:2:11: \"watch.sources\" must be true or false, not a string (write true without "
                "quotes)"},
        BadCase{"[watch]\nsources = 1",
                "f:2:11: \"watch.sources\" must be true or false, not an integer"},
        BadCase{"[preload]\nmodules = \"numpy\"",
                "f:2:11: \"preload.modules\" must be a list of strings, not a string (write "
                "[\"numpy\"])"},
        BadCase{"[preload]\nmodules = [\n  \"a\",\n  5,\n]",
                "f:4:3: \"preload.modules\" must be a string, not an integer (write \"5\")"},
        BadCase{"[preload]\nmodules = [[\"a\"]]",
                "f:2:12: \"preload.modules\" must be a string, not a list"},
        BadCase{"[pool]\nidle-exit = 60",
                "f:2:13: \"pool.idle-exit\" must be a string, not an integer (write \"60s\")"},
        BadCase{"[python]\nenv = [\"A=1\"]",
                "f:2:7: \"python.env\" must be a table of strings, not a list"},
        BadCase{"[python.env]\nA = 1",
                "f:2:5: \"python.env.A\" must be a string, not an integer (write \"1\")"},
        BadCase{"[python.env]\nA = true",
                "f:2:5: \"python.env.A\" must be a string, not a boolean (write \"true\")"}));

INSTANTIATE_TEST_SUITE_P(
    Values, BadProfile,
    testing::Values(
        BadCase{"[pool]\nworkers = 0",
                "f:2:11: \"pool.workers\" must be between 1 and 1000, not 0"},
        BadCase{"[pool]\nworkers = -1",
                "f:2:11: \"pool.workers\" must be between 1 and 1000, not -1"},
        BadCase{"[pool]\nworkers = 1001",
                "f:2:11: \"pool.workers\" must be between 1 and 1000, not 1001"},
        BadCase{"[pool]\nmax-queue = 9223372036854775807",
                "f:2:13: \"pool.max-queue\" must be between 0 and 10000, not 9223372036854775807"},
        BadCase{"[pool]\nworkers = 2\nspare = 3",
                "f:3:9: \"pool.spare\" (3) must not be more than \"pool.workers\" (2)"},
        BadCase{"[pool]\nidle-exit = \"soon\"",
                "f:2:13: \"pool.idle-exit\": \"soon\" is not a time span (write it as \"500ms\", "
                "\"60s\", \"1min 30s\" or \"2h\")"},
        BadCase{"[pool]\npreload-timeout = \"0\"",
                "f:2:19: \"pool.preload-timeout\" must be at least 1s, not \"0\""},
        BadCase{
            "[job]\ncgroup = \"scop\"",
            "f:2:10: \"job.cgroup\" must be \"service\" or \"scope\", not \"scop\" (did you mean "
            "\"scope\"?)"},
        BadCase{"[preload]\nmodules = [\"a-b\"]",
                "f:2:12: \"preload.modules\": \"a-b\" is not a module's name (did you mean "
                "\"a_b\"?)"},
        BadCase{"[preload]\noptional = [\"a/b.py\"]",
                "f:2:13: \"preload.optional\": \"a/b.py\" is not a module's name (did you mean "
                "\"a.b\"?)"},
        BadCase{"[preload]\nafter-fork = [\"a:b\"]",
                "f:2:15: \"preload.after-fork\": \"a:b\" is not a module's name (functions to call "
                "belong in \"preload.warmup\")"},
        BadCase{"[preload]\nmodules = [\"a..b\", \".a\", \"1a\", \"a b\"]",
                "f:2:12: \"preload.modules\": \"a..b\" is not a module's name\n"
                "f:2:20: \"preload.modules\": \".a\" is not a module's name\n"
                "f:2:26: \"preload.modules\": \"1a\" is not a module's name\n"
                "f:2:32: \"preload.modules\": \"a b\" is not a module's name"},
        BadCase{"[preload]\nwarmup = [\"a\"]",
                "f:2:11: \"preload.warmup\": \"a\" is not a module and a function (write it as "
                "\"module:function\")"},
        BadCase{"[preload]\nwarmup = [\"a:b.c\"]",
                "f:2:11: \"preload.warmup\": \"a:b.c\" is not a module and a function (write it as "
                "\"module:function\")"},
        BadCase{"[python]\ninterpreter = \"python3\"",
                "f:2:15: \"python.interpreter\": \"python3\" is not an absolute path"},
        BadCase{"[python]\ninterpreter = \"\"",
                "f:2:15: \"python.interpreter\": \"\" is not an absolute path"},
        BadCase{"[python]\ninterpreter = \"$PML_TEST_UNSET/x\"",
                "f:2:15: \"python.interpreter\": the variable PML_TEST_UNSET is not set"},
        BadCase{"[python]\ninterpreter = \"~root/x\"",
                "f:2:15: \"python.interpreter\": only one's own \"~\" can be expanded, no other "
                "user's"},
        BadCase{"[python]\npath = [\"/a:b\"]",
                "f:2:9: \"python.path\": \"/a:b\" holds a colon, which separates the entries of "
                "PYTHONPATH"},
        BadCase{"[python]\ninterpreter = \"/a\\u0000b\"",
                "f:2:15: \"python.interpreter\" must not hold a NUL character"},
        BadCase{"[python.env]\n\"A=B\" = \"1\"", "f:2:1: \"A=B\" cannot be the name of a variable"},
        BadCase{
            "[python.env]\nPYTHONPATH = \"/a\"",
            "f:2:1: \"python.env.PYTHONPATH\" would act on the programs too, which have their own "
            "(did you mean \"python.path\"?)"},
        BadCase{
            "[python.env]\nPYTHONHASHSEED = \"0\"",
            "f:2:1: \"python.env.PYTHONHASHSEED\" would act on the programs too, which have their "
            "own"},
        BadCase{"[python.env]\n\"\" = \"1\"", "f:2:1: \"\" cannot be the name of a variable"},
        BadCase{"description = \"a\\nb\"",
                "f:1:15: \"description\" must be one line of plain text"}));

TEST(Profile, LettersOutsideAsciiAreRead) {
  EXPECT_EQ(good("# für\ndescription = \"größer ½ µs «é» 日本\" # ünd\n").description,
            "größer ½ µs «é» 日本");
  EXPECT_EQ(good("preload.modules = [\"módulo\"]").modules, Words{"módulo"});
  EXPECT_EQ(good("description = \"\"\"\\\n§\"\"\"").description, "§");
  EXPECT_EQ(bad("größe = 1").substr(0, 7), "f:1:3: ");
}

// The words are toml++'s; the places are what users rely on.
TEST(Profile, BadTomlIsExplainedAtItsPlace) {
  const struct {
    const char* text;
    const char* beginning;
  } cases[] = {
      {"[pool\nworkers = 5", "f:1:6: Error while parsing table header"},
      {"[pool]\nworkers = ", "f:2:11: Error while parsing key-value pair"},
      {"[pool]\nworkers = 5 6", "f:2:13: Error while parsing key-value pair"},
      {"description = \"a", "f:1:17: Error while parsing string"},
      {"[pool]\nworkers = 5\nworkers = 6", "f:3:"},
      {"[preload]\nmodules = [\"a\"\n\"b\"]", "f:3:1: Error while parsing array"},
      {"description = \"\xff\"", "f:1:"},
      {"[!pool]", "f:1:2: Error while parsing key: expected bare key"},
  };
  for (const auto& item : cases)
    EXPECT_EQ(bad(item.text).substr(0, std::string(item.beginning).size()), item.beginning)
        << item.text;
}

TEST(Profile, TextBeyondTheLimitsIsRefused) {
  EXPECT_EQ(bad(std::string(k_max_text + 1, '\n')), "f: longer than 262144 bytes");
  EXPECT_EQ(bad("# ok\n#" + std::string(k_max_line, 'x')), "f:2: a line longer than 4096 bytes");
  std::string many = "preload.modules = [";
  for (int i = 0; i < 9000; ++i) many += "\"module" + std::to_string(i) + "\",\n";
  EXPECT_EQ(bad(many + "]"), "f: the lists of all files are together longer than 102400 bytes");
  std::string deep = "x";
  while (deep.size() < k_max_line - 10) deep += ".x";
  EXPECT_EQ(bad(deep + " = 1"), "f:1:1: unknown key \"x\"");
  EXPECT_NE(bad("x = " + std::string(4000, '[')), "");
}

TEST(Duration, IsReadAsSystemdDoes) {
  const struct {
    const char* text;
    std::int64_t microseconds;
  } cases[] = {{"0", 0},
               {"60", 60'000'000},
               {"60s", 60'000'000},
               {"500ms", 500'000},
               {"1min 30s", 90'000'000},
               {"1min30s", 90'000'000},
               {" 2 h ", 7'200'000'000},
               {"2hours 1second", 7'201'000'000},
               {"1.5h", 5'400'000'000},
               {"0.000001s", 1},
               {"1us", 1},
               {"1\u00b5s", 1},
               {"1h 1", 3'601'000'000},
               {"1d", 86'400'000'000},
               {"2w", 1'209'600'000'000},
               {"366d", 31'622'400'000'000}};
  for (const auto& item : cases)
    EXPECT_EQ(parse_duration(item.text), microseconds(item.microseconds)) << item.text;
  for (const char* text :
       {"", " ", "s", "-1s", "+1s", "1x", "1 s s", "1.s", ".5s", "1,5s", "1S", "infinity", "367d",
        "99999999999999999999s", "9223372036854775807us", "1min, 2s", "1e3", "0x10"})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

TEST(Expand, VariablesAndTheHomeFolder) {
  const ScopedVariable home("HOME", "/home/someone");
  const ScopedVariable one("PML_A", "1");
  const ScopedVariable empty("PML_EMPTY", "");
  const ScopedVariable unset("PML_TEST_UNSET", nullptr);
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {{"~", "/home/someone"}, {"~/x", "/home/someone/x"}, {"/a~b", "/a~b"},
               {"/$PML_A/b", "/1/b"},  {"/${PML_A}0", "/10"},      {"/$PML_A-b", "/1-b"},
               {"/a$$b", "/a$b"},      {"/$PML_EMPTY/x", "//x"},   {"", ""},
               {"$$PML_A", "$PML_A"}};
  for (const auto& item : cases) {
    EXPECT_EQ(expand(item.text).text, item.expected) << item.text;
    EXPECT_EQ(expand(item.text).error, "") << item.text;
  }
  for (const char* text : {"$", "/a$", "/$1", "/${}", "/${PML_A", "/${PML_A-x}", "/$PML_TEST_UNSET",
                           "~other", "/$(x)"})
    EXPECT_NE(expand(text).error, "") << text;
  const ScopedVariable homeless("HOME", nullptr);
  EXPECT_NE(expand("~/x").error, "");
}

TEST(NearMiss, CountsLetters) {
  EXPECT_EQ(edit_distance("workers", "workers"), 0U);
  EXPECT_EQ(edit_distance("Workers", "workers"), 0U);
  EXPECT_EQ(edit_distance("wrokers", "workers"), 1U);
  EXPECT_EQ(edit_distance("worker", "workers"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(near_miss("sprae", {"workers", "spare"}), "spare");
  EXPECT_EQ(near_miss("x", {"workers", "spare", "env"}), "");
}

// --- files

class ProfileFiles : public testing::Test {
 protected:
  [[nodiscard]] Words folders() const { return {home / "u", home / "e", home / "s"}; }
  [[nodiscard]] Result load(std::string_view name) const { return profile::load(name, folders()); }

  TemporaryFolder home;
};

TEST_F(ProfileFiles, TheStrongestFolderWins) {
  home.write("s/a.toml", "description = 's'\n[pool]\nworkers = 9\n");
  const std::string strong = home.write("e/a.toml", "description = 'e'\n");
  const Result result = load("a");
  ASSERT_TRUE(result.good());
  EXPECT_EQ(result.profile->name, "a");
  EXPECT_EQ(result.profile->description, "e");
  EXPECT_EQ(result.profile->workers, 5U);
  EXPECT_EQ(result.profile->files, Words{strong});
}

TEST_F(ProfileFiles, DropInsAreMergedByFileNameOverAllFolders) {
  home.write("s/a.toml", "[preload]\nmodules = ['a']\n[pool]\nworkers = 9\nspare = 2\n");
  home.write("s/a.toml.d/20-x.toml", "[preload]\nmodules = ['weak']\n");
  home.write("e/a.toml.d/30-y.toml", "[preload]\nmodules = ['c', 'a']\n[pool]\nworkers = 8\n");
  home.write("u/a.toml.d/20-x.toml", "[preload]\nmodules = ['b']\n[pool]\nworkers = 7\n");
  home.write("u/a.toml.d/ignored.conf", "nonsense");
  home.write("u/a.toml.d/.hidden.toml", "nonsense");
  const Result result = load("a");
  ASSERT_TRUE(result.good()) << result.one_line("a");
  const Profile& profile = *result.profile;
  EXPECT_EQ(profile.modules, (Words{"a", "b", "c"}));
  EXPECT_EQ(profile.workers, 8U);
  EXPECT_EQ(profile.spare, 2U);
  EXPECT_EQ(profile.files, (Words{home / "s/a.toml", home / "u/a.toml.d/20-x.toml",
                                  home / "e/a.toml.d/30-y.toml"}));
  const auto origin = [&](std::string_view key) {
    for (const Origin& item : profile.provenance)
      if (item.key == key) return item.file;
    return std::string("-");
  };
  EXPECT_EQ(origin("pool.workers"), home / "e/a.toml.d/30-y.toml");
  EXPECT_EQ(origin("pool.spare"), home / "s/a.toml");
  EXPECT_EQ(origin("preload.modules"), home / "e/a.toml.d/30-y.toml");
  EXPECT_EQ(origin("preload.modules[a]"), home / "s/a.toml");
  EXPECT_EQ(origin("preload.modules[b]"), home / "u/a.toml.d/20-x.toml");
  EXPECT_EQ(origin("preload.modules[c]"), home / "e/a.toml.d/30-y.toml");
  EXPECT_EQ(origin("pool.max-jobs"), "-");
}

TEST_F(ProfileFiles, AnEmptyListOrTextForgetsWhatCameBefore) {
  home.write("s/a.toml", "[preload]\nmodules = ['a']\noptional = ['b']\n[python.env]\nA = '1'\n");
  home.write("u/a.toml.d/1.toml",
             "[preload]\nmodules = []\noptional = ['', 'c']\n[python]\nenv = {}\n");
  home.write("u/a.toml.d/2.toml", "[python.env]\nB = '2'\n");
  const Result result = load("a");
  ASSERT_TRUE(result.good()) << result.one_line("a");
  EXPECT_TRUE(result.profile->modules.empty());
  EXPECT_EQ(result.profile->optional, Words{"c"});
  for (const Origin& item : result.profile->provenance)
    EXPECT_TRUE(item.key != "preload.modules[a]" && item.key != "preload.optional[b]") << item.key;
  ASSERT_EQ(result.profile->environment.size(), 1U);
  EXPECT_EQ(result.profile->environment[0].first, "B");
}

TEST_F(ProfileFiles, VariablesAreMergedByName) {
  home.write("s/a.toml", "[python.env]\nA = '1'\nB = '1'\n");
  home.write("u/a.toml.d/1.toml", "[python.env]\nB = '2'\n'C.D' = '3'\n");
  const Result result = load("a");
  ASSERT_TRUE(result.good());
  ASSERT_EQ(result.profile->environment.size(), 3U);
  EXPECT_EQ(result.profile->environment[1].second, "2");
  EXPECT_EQ(result.profile->environment[2].first, "C.D");
}

TEST_F(ProfileFiles, MasksHideProfilesAndDropIns) {
  home.write("s/a.toml", "[preload]\nmodules = ['a']\n");
  home.write("s/a.toml.d/1.toml", "[preload]\nmodules = ['b']\n");
  home.write("s/a.toml.d/2.toml", "[preload]\nmodules = ['c']\n");
  home.write("u/a.toml.d/1.toml", "");
  std::filesystem::create_symlink("/dev/null", home / "u/a.toml.d/2.toml");
  ASSERT_TRUE(load("a").good());
  EXPECT_EQ(load("a").profile->modules, Words{"a"});

  std::filesystem::create_symlink("/dev/null", home / "u/a.toml");
  EXPECT_TRUE(load("a").not_found());
  EXPECT_EQ(load("a").one_line("a"), "profile \"a\" is masked by " + (home / "u/a.toml"));
}

TEST_F(ProfileFiles, AMissingProfileIsNotABadOne) {
  const Result result = load("nobody");
  EXPECT_TRUE(result.not_found());
  EXPECT_FALSE(result.good());
  EXPECT_EQ(result.one_line("nobody"), "profile \"nobody\" not found (looked in " + (home / "u") +
                                           ", " + (home / "e") + ", " + (home / "s") + ")");
  home.write("u/nobody.toml.d/1.toml", "[pool]\nworkers = 1\n");
  EXPECT_TRUE(load("nobody").not_found());
}

TEST_F(ProfileFiles, TheDefaultProfileIsAlwaysThereUnlessMasked) {
  ASSERT_TRUE(load("default").good());
  EXPECT_TRUE(load("default").profile->modules.empty());
  EXPECT_TRUE(load("default").profile->files.empty());
  home.write("u/default.toml.d/1.toml", "[preload]\nmodules = ['json']\n");
  EXPECT_EQ(load("default").profile->modules, Words{"json"});
  home.write("e/default.toml", "");
  EXPECT_TRUE(load("default").not_found());
}

TEST_F(ProfileFiles, NamesThatAreNotNamesAreRefused) {
  for (const char* name : {"", "../a", "a/b", ".a", "-a", "a\nb"}) {
    EXPECT_FALSE(load(name).good()) << name;
    EXPECT_FALSE(load(name).not_found()) << name;
  }
  EXPECT_EQ(load("../a").one_line("../a"), "\"../a\" cannot be the name of a profile");
}

TEST_F(ProfileFiles, ProblemsNameTheFileTheyAreIn) {
  home.write("s/a.toml", "[pool]\nspare = 4\n");
  const std::string drop_in = home.write("u/a.toml.d/1.toml", "[pool]\nworkers = 2\nwarkers = 1\n");
  const Result result = load("a");
  ASSERT_EQ(result.problems.size(), 2U);
  EXPECT_FALSE(result.good());
  EXPECT_EQ(result.problems[0].file, drop_in);
  EXPECT_EQ(result.problems[0].line, 3U);
  EXPECT_EQ(result.problems[1].file, home / "s/a.toml");
  EXPECT_EQ(result.problems[1].line, 2U);
  EXPECT_EQ(
      result.one_line("a"),
      drop_in + ":3:1: unknown key \"pool.warkers\" (did you mean \"pool.workers\"?) (and 1 more)");
}

TEST_F(ProfileFiles, WhatCannotBeReadIsAProblem) {
  std::filesystem::create_directories(home / "u/folder.toml");
  EXPECT_EQ(load("folder").one_line("folder"),
            (home / "u/folder.toml") + ": cannot be read: not a regular file");
  std::filesystem::create_symlink(home / "nowhere", home / "u/link.toml");
  EXPECT_EQ(load("link").one_line("link"),
            (home / "u/link.toml") + ": cannot be read: No such file or directory");
  ASSERT_EQ(::mkfifo((home / "u/pipe.toml").c_str(), 0600), 0);
  EXPECT_FALSE(load("pipe").good());
  EXPECT_FALSE(load("pipe").not_found());
  if (::geteuid() == 0) return;
  ::chmod(home.write("u/secret.toml", "x = 1").c_str(), 0);
  EXPECT_EQ(load("secret").one_line("secret"),
            (home / "u/secret.toml") + ": cannot be read: Permission denied");
}

TEST_F(ProfileFiles, AreListed) {
  home.write("s/qt.toml", "description = 'Qt'\n");
  home.write("u/bad.toml", "x = 1\n");
  home.write("s/gone.toml", "description = 'x'\n");
  home.write("u/gone.toml", "");
  home.write("u/qt.toml.d/1.toml", "description = 'mine'\n");
  const std::vector<Listed> listed = list(folders());
  ASSERT_EQ(listed.size(), 3U);
  EXPECT_EQ(listed[0].name, "bad");
  EXPECT_FALSE(listed[0].good);
  EXPECT_EQ(listed[1].name, "default");
  EXPECT_EQ(listed[1].path, "");
  EXPECT_EQ(listed[2].name, "qt");
  EXPECT_EQ(listed[2].path, home / "s/qt.toml");
  EXPECT_EQ(listed[2].description, "mine");
}

TEST(Profile, ItsPathStandsInFrontOfPythonpath) {
  Profile profile;
  profile.path = {"/a", "/b"};
  EXPECT_EQ(python_path(profile, nullptr), "/a:/b");
  EXPECT_EQ(python_path(profile, ""), "/a:/b");
  EXPECT_EQ(python_path(profile, "x:y"), "/a:/b:x:y");
}

// The profiles that are shipped must never be the bad ones.
TEST(Profile, TheShippedOnesAreGood) {
  const Words folders = {PML_SOURCE_ROOT "/config/profiles"};
  const std::vector<Listed> listed = list(folders);
  ASSERT_EQ(listed.size(), 3U);
  for (const Listed& item : listed)
    EXPECT_TRUE(item.good) << load(item.name, folders).one_line(item.name);
}

}  // namespace
}  // namespace pml::profile
