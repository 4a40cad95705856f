#include "client/arguments.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/entry_point_code.hpp"

namespace pml::client {
namespace {

using Words = std::vector<const char*>;
using Texts = std::vector<std::string>;
using wire::ProgramKind;

Texts texts(const auto& items) {
  return Texts(items.begin(), items.end());
}

Arguments parse(const Words& words, const char* default_profile = nullptr, bool as_python = false) {
  return parse_arguments(words, default_profile, as_python);
}

struct Case {
  const char* name;
  Words words;
  Action action;
  ProgramKind kind;
  const char* target;
  Texts options;
  Texts rest;
  Texts python_words;
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

class Parsing : public testing::TestWithParam<Case> {};

TEST_P(Parsing, splits_the_words) {
  const Case& expected = GetParam();
  const Arguments found = parse(expected.words);
  EXPECT_EQ(found.action, expected.action) << found.reason;
  EXPECT_EQ(found.kind, expected.kind);
  EXPECT_EQ(found.target, expected.target);
  EXPECT_EQ(texts(found.interpreter_options), expected.options);
  EXPECT_EQ(texts(found.rest), expected.rest);
  EXPECT_EQ(texts(found.python_words), expected.python_words);
}

constexpr auto k_run = Action::run;
constexpr auto k_python = Action::python;
constexpr auto k_script = ProgramKind::script;
constexpr auto k_module = ProgramKind::module;
constexpr auto k_command = ProgramKind::command;
constexpr auto k_stdin = ProgramKind::standard_in;

const Case k_programs[] = {
    {"nothing", {}, k_run, k_stdin, "", {}, {}, {}},
    {"dash", {"-", "a"}, k_run, k_stdin, "-", {}, {"a"}, {"-", "a"}},
    {"script", {"s.py"}, k_run, k_script, "s.py", {}, {}, {"s.py"}},
    {"empty_script", {""}, k_run, k_script, "", {}, {}, {""}},
    {"script_with_options",
     {"s.py", "-u", "-p", "x", "--", "--wait"},
     k_run,
     k_script,
     "s.py",
     {},
     {"-u", "-p", "x", "--", "--wait"},
     {"s.py", "-u", "-p", "x", "--", "--wait"}},
    {"module", {"-m", "a.b", "-c"}, k_run, k_module, "a.b", {}, {"-c"}, {"-m", "a.b", "-c"}},
    {"module_attached", {"-ma.b", "c"}, k_run, k_module, "a.b", {}, {"c"}, {"-ma.b", "c"}},
    {"command",
     {"-c", "print()", "x"},
     k_run,
     k_command,
     "print()",
     {},
     {"x"},
     {"-c", "print()", "x"}},
    {"command_attached", {"-cprint()"}, k_run, k_command, "print()", {}, {}, {"-cprint()"}},
    {"command_empty", {"-c", ""}, k_run, k_command, "", {}, {}, {"-c", ""}},
    {"command_clustered", {"-uBc", "1"}, k_run, k_command, "1", {"-uB"}, {}, {"-uBc", "1"}},
    {"command_takes_an_option",
     {"-c", "--wait"},
     k_run,
     k_command,
     "--wait",
     {},
     {},
     {"-c", "--wait"}},
    {"double_dash",
     {"-u", "--", "-s.py", "-x"},
     k_run,
     k_script,
     "-s.py",
     {"-u", "--"},
     {"-x"},
     {"-u", "--", "-s.py", "-x"}},
};
INSTANTIATE_TEST_SUITE_P(programs, Parsing, testing::ValuesIn(k_programs), case_name);

const Case k_own[] = {
    {"profile", {"-p", "qt", "s.py", "a"}, k_run, k_script, "s.py", {}, {"a"}, {"s.py", "a"}},
    {"between_pythons",
     {"-u", "--wait", "-B", "-pqt", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-u", "-B"},
     {},
     {"-u", "-B", "s.py"}},
    {"behind_cold_ones",
     {"-I", "--wait", "s.py"},
     k_python,
     k_script,
     "s.py",
     {"-I"},
     {},
     {"-I", "s.py"}},
    {"as_an_argument",
     {"-W", "--wait", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-W", "--wait"},
     {},
     {"-W", "--wait", "s.py"}},
    {"behind_the_program",
     {"s.py", "--wait"},
     k_run,
     k_script,
     "s.py",
     {},
     {"--wait"},
     {"s.py", "--wait"}},
    {"unknown_to_both",
     {"--waiting", "s.py"},
     k_python,
     k_script,
     "s.py",
     {},
     {},
     {"--waiting", "s.py"}},
};
INSTANTIATE_TEST_SUITE_P(own, Parsing, testing::ValuesIn(k_own), case_name);

const Case k_pythons[] = {
    {"warm",
     {"-u", "-B", "-bb", "-q", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-u", "-B", "-bb", "-q"},
     {},
     {"-u", "-B", "-bb", "-q", "s.py"}},
    {"warning",
     {"-Werror", "-W", "ignore", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-Werror", "-W", "ignore"},
     {},
     {"-Werror", "-W", "ignore", "s.py"}},
    {"clustered_warning",
     {"-uW", "error", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-uW", "error"},
     {},
     {"-uW", "error", "s.py"}},
    {"setting",
     {"-X", "faulthandler", "s.py"},
     k_run,
     k_script,
     "s.py",
     {"-X", "faulthandler"},
     {},
     {"-X", "faulthandler", "s.py"}},
    {"start_setting",
     {"-Xutf8=1", "s.py"},
     k_python,
     k_script,
     "s.py",
     {"-Xutf8=1"},
     {},
     {"-Xutf8=1", "s.py"}},
    {"cold", {"-O", "s.py"}, k_python, k_script, "s.py", {"-O"}, {}, {"-O", "s.py"}},
    {"cold_cluster_with_command",
     {"-Ic", "1", "--wait"},
     k_python,
     k_command,
     "1",
     {"-I"},
     {"--wait"},
     {"-Ic", "1", "--wait"}},
    {"help", {"-h"}, k_python, k_stdin, "", {"-h"}, {}, {"-h"}},
    {"version", {"-V"}, k_python, k_stdin, "", {"-V"}, {}, {"-V"}},
    {"interactive", {"-i", "s.py"}, k_python, k_script, "s.py", {"-i"}, {}, {"-i", "s.py"}},
    {"long_help", {"--help-all"}, k_python, k_stdin, "", {}, {}, {"--help-all"}},
    {"long_with_value",
     {"--check-hash-based-pycs", "never", "s.py"},
     k_python,
     k_script,
     "s.py",
     {},
     {},
     {"--check-hash-based-pycs", "never", "s.py"}},
    {"unknown", {"-y", "--wait"}, k_python, k_stdin, "", {}, {"-y", "--wait"}, {"-y", "--wait"}},
    {"jython", {"-J", "s.py"}, k_python, k_stdin, "", {}, {"-J", "s.py"}, {"-J", "s.py"}},
    {"value_missing", {"-u", "-W"}, k_python, k_stdin, "", {"-u"}, {"-W"}, {"-u", "-W"}},
    {"command_missing", {"-c"}, k_python, k_stdin, "", {}, {"-c"}, {"-c"}},
};
INSTANTIATE_TEST_SUITE_P(pythons, Parsing, testing::ValuesIn(k_pythons), case_name);

TEST(arguments, knows_how_the_target_was_typed) {
  EXPECT_EQ(parse({"-c", "1"}).target_form, 0U);
  EXPECT_EQ(parse({"-mpip"}).target_form, wire::k_flag_target_attached);
  EXPECT_EQ(parse({"-uc", "1"}).target_form, wire::k_flag_target_clustered);
  EXPECT_EQ(parse({"-umpip"}).target_form,
            wire::k_flag_target_attached | wire::k_flag_target_clustered);
}

TEST(arguments, finds_the_profile) {
  EXPECT_EQ(parse({"s.py"}).profile, "default");
  EXPECT_EQ(parse({"s.py"}, "sci").profile, "sci");
  EXPECT_EQ(parse({"s.py"}, "").profile, "default");
  EXPECT_EQ(parse({"s.py"}, "../x").action, Action::python);
  EXPECT_EQ(parse({"-p", "qt", "s.py"}, "../x").action, Action::run);
  EXPECT_EQ(parse({"-p", "qt", "s.py"}, "sci").profile, "qt");
  EXPECT_EQ(parse({"-pqt", "s.py"}).profile, "qt");
  EXPECT_EQ(parse({"--profile", "qt", "s.py"}).profile, "qt");
  EXPECT_EQ(parse({"--profile=qt", "s.py"}).profile, "qt");
}

TEST(arguments, reads_its_own_options) {
  const Arguments found =
      parse({"--socket", "/s", "--wait", "--detach", "--no-fallback", "-c", "1"});
  EXPECT_EQ(found.action, Action::run);
  EXPECT_EQ(found.socket, "/s");
  EXPECT_TRUE(found.wait);
  EXPECT_TRUE(found.detach);
  EXPECT_FALSE(found.fallback);
  EXPECT_EQ(parse({"--socket=/t", "s.py"}).socket, "/t");
  EXPECT_EQ(parse({"--help"}).action, Action::help);
  EXPECT_EQ(parse({"-u", "--version"}).action, Action::version);
}

TEST(arguments, an_environment_chooses_the_pool) {
  EXPECT_TRUE(parse({"--venv", "s.py"}).venv);
  EXPECT_FALSE(parse({"s.py", "--venv"}).venv);
  EXPECT_EQ(texts(parse({"--venv", "-u", "s.py"}).python_words), (Texts{"-u", "s.py"}));
  EXPECT_EQ(parse({"--venv", "-p", "qt", "s.py"}).action, Action::wrong_usage);
  EXPECT_EQ(parse({"--socket", "/s", "--venv", "s.py"}).action, Action::wrong_usage);
  EXPECT_EQ(parse({"--venv", "s.py"}, nullptr, true).action, Action::python);
}

TEST(arguments, complains_of_wrong_usage) {
  for (const Words& words :
       {Words{"-p"}, Words{"-p", ""}, Words{"-p", "../x", "s.py"}, Words{"--profile", "a b"},
        Words{"--socket"}, Words{"-e"}, Words{"-e", ""}, Words{"--entry-point="}}) {
    const Arguments found = parse(words);
    EXPECT_EQ(found.action, Action::wrong_usage) << words[0];
    EXPECT_FALSE(found.reason.empty());
  }
}

TEST(arguments, runs_entry_points) {
  for (const Words& words :
       {Words{"-e", "black", "-q"}, Words{"-eblack", "-q"}, Words{"--entry-point", "black", "-q"},
        Words{"--entry-point=black", "-q"}}) {
    const Arguments found = parse(words);
    EXPECT_EQ(found.action, Action::run);
    EXPECT_EQ(found.kind, ProgramKind::entry_point);
    EXPECT_EQ(found.target, "black");
    EXPECT_EQ(texts(found.rest), Texts{"-q"});
    EXPECT_EQ(texts(found.python_words), (Texts{"-c", wire::k_entry_point_code, "black", "-q"}));
  }
}

TEST(arguments, leaves_every_option_to_python_when_called_so) {
  EXPECT_TRUE(called_as_python("python3"));
  EXPECT_TRUE(called_as_python("/opt/bin/python3.11"));
  EXPECT_FALSE(called_as_python("pml"));
  EXPECT_FALSE(called_as_python("/opt/python3/pml"));
  for (const char* word : {"--help", "--version", "--wait", "-p", "-e"}) {
    const Arguments found = parse({word, "x"}, "qt", true);
    EXPECT_EQ(found.action, Action::python) << word;
    EXPECT_EQ(texts(found.python_words), (Texts{word, "x"}));
  }
  EXPECT_EQ(parse({"-u", "s.py"}, "qt", true).action, Action::run);
}

TEST(Arguments, OwnOptionsThatAreNearlyRightAreNotLeftToPython) {
  for (const char* word : {"--no-falback", "--wiat", "--waits", "--wai", "--profil", "--detatch=x"})
    EXPECT_EQ(parse({word, "s.py"}).action, Action::wrong_usage) << word;
  EXPECT_NE(parse({"--wiat"}).reason.find("did you mean --wait?"), std::string::npos);
  for (const char* word : {"--check-hash-based-pycs", "--nosuch", "--w", "--helpless"})
    EXPECT_EQ(parse({word, "s.py"}).action, Action::python) << word;
  EXPECT_EQ(parse({"--wiat"}, nullptr, true).action, Action::python);
}

TEST(Arguments, TellWhetherAProfileWasNamed) {
  EXPECT_FALSE(parse({"s.py"}).profile_named);
  EXPECT_TRUE(parse({"-p", "x", "s.py"}).profile_named);
  EXPECT_TRUE(parse({"s.py"}, "x").profile_named);
  EXPECT_FALSE(parse({"s.py"}, "").profile_named);
}

}  // namespace
}  // namespace pml::client
