#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "ctl/answer.hpp"
#include "ctl/command.hpp"
#include "ctl/completion.hpp"
#include "ctl/console_script.hpp"
#include "ctl/import_time.hpp"
#include "ctl/memory.hpp"
#include "ctl/samples.hpp"
#include "ctl/table.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/units.hpp"
#include "ctl/vocabulary.hpp"

namespace {

using namespace pml::ctl;
using Words = std::vector<std::string>;

TEST(Options, StandBeforeAndAfterTheVerb) {
  const Options options = parse_options({"--json", "jobs", "-pqt", "--no-pager"});
  EXPECT_EQ(options.error, "");
  ASSERT_NE(options.verb, nullptr);
  EXPECT_EQ(options.verb->name, "jobs");
  EXPECT_EQ(options.profiles, Words{"qt"});
  EXPECT_TRUE(options.json);
  EXPECT_FALSE(options.pager);
  EXPECT_EQ(parse_options({"-pqt", "kill", "4-1", "INT"}).words, (Words{"4-1", "INT"}));
}

TEST(Options, ThoseOfTheProgramAreItsOwn) {
  EXPECT_EQ(parse_options({"bench", "-n", "3", "-m", "x", "--json"}).words,
            (Words{"-m", "x", "--json"}));
  EXPECT_EQ(parse_options({"suggest", "--write", "s.py", "-p", "x"}).words,
            (Words{"s.py", "-p", "x"}));
  EXPECT_EQ(parse_options({"bench", "--", "-u", "s.py"}).words, (Words{"-u", "s.py"}));
}

TEST(Options, WrongOnesAreToldOf) {
  const std::vector<std::pair<Words, std::string>> k_wrong = {
      {{"--nosuch"}, "there is no option --nosuch"},
      {{"--jsno"}, "did you mean \"--json\"?"},
      {{"statsu"}, "did you mean \"status\"?"},
      {{"profile", "nwe"}, "did you mean \"profile new\"?"},
      {{"profile"}, "needs one more word: list, new, remove"},
      {{"-p"}, "-p needs a value"},
      {{"--profile="}, "--profile needs a value"},
      {{"--json=1"}, "--json takes no value"},
      {{"bench", "-n", "1x", "x"}, "--runs needs a number"},
      {{"bench", "-n", "0", "x"}, "--runs needs a number"},
      {{"list", "--venv", "x"}, "list takes no --venv"},
      {{"kill"}, "kill needs JOB [SIGNAL]"},
      {{"list", "x"}, "list takes no words"},
      {{"jobs", "a", "b"}, "jobs takes no more than [PROFILE]"},
      {{"status", "-p", "a", "--socket", "b"}, "once"},
      {{"status", "-p", "a", "b"}, "once"},
  };
  for (const auto& [words, text] : k_wrong) {
    const std::string error = parse_options(words).error;
    EXPECT_NE(error.find(text), std::string::npos) << error;
    EXPECT_NE(error.find("pmlctl"), std::string::npos) << error << " names no next command";
  }
}

TEST(Options, ALetterIsThatOfTheVerb) {
  EXPECT_EQ(parse_options({"bench", "-n", "3", "x"}).runs, 3U);
  EXPECT_EQ(parse_options({"-n", "3", "bench", "x"}).runs, 3U);
  EXPECT_EQ(parse_options({"logs", "-n3"}).lines, 3U);
  EXPECT_TRUE(parse_options({"logs", "-fn", "3"}).follow);
}

TEST(Options, AFewAreOfTheVerbOnly) {
  EXPECT_EQ(parse_options({"bench", "-p", "a", "-p", "b", "x"}).profiles, (Words{"a", "b"}));
  EXPECT_EQ(parse_options({"--socket", "x", "status"}).socket, "./x");
  EXPECT_EQ(parse_options({"profile", "--json", "list"}).verb->name, "profile list");
  EXPECT_EQ(parse_options({}).verb->name, "list");
  EXPECT_FALSE(parse_options({"--help"}).verb_typed);
  EXPECT_TRUE(parse_options({"kill", "--help"}).help);
}

TEST(Vocabulary, HoldsTogether) {
  for (const Chapter& chapter : chapters()) {
    for (const Verb& verb : chapter.verbs) {
      EXPECT_EQ(find_verb(verb.name), &verb);
      EXPECT_LE(verb.least, verb.most);
      std::istringstream names{std::string(verb.options)};
      for (std::string name; names >> name;)
        EXPECT_NE(find_option(name), nullptr) << verb.name << " " << name;
      std::istringstream lines(help_text(verb));
      for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
      if (verb.example.empty()) continue;
      std::istringstream example{std::string(verb.example)};
      const Words words{std::istream_iterator<std::string>(example), {}};
      EXPECT_EQ(parse_options(words).error, "") << verb.example;
      EXPECT_EQ(parse_options(words).verb, &verb);
    }
  }
}

TEST(Completion, KnowsWhatComesNext) {
  const auto offers = [](const Words& typed, const std::string& word) {
    const auto words = expected_after(typed).words;
    return std::any_of(words.begin(), words.end(),
                       [&](const auto& entry) { return entry.first == word; });
  };
  EXPECT_TRUE(offers({""}, "status"));
  EXPECT_FALSE(offers({""}, "complete"));
  EXPECT_TRUE(offers({"profile", ""}, "remove"));
  EXPECT_TRUE(offers({"logs", "--f"}, "--follow"));
  EXPECT_FALSE(offers({"logs", "--f"}, "--fix"));
  EXPECT_EQ(expected_after({"status", ""}).candidates, Candidates::profiles);
  EXPECT_EQ(expected_after({"--socket", ""}).candidates, Candidates::files);
  EXPECT_EQ(expected_after({"-p", "x", "kill", "1", ""}).position, 1U);
  EXPECT_EQ(expected_after({"bench", "-m", "x", "--json", ""}).candidates, Candidates::files);
}

TEST(Answer, IsReadLineByLine) {
  const ServiceStatus status = parse_status(
      "idle 4\nstate warm\nrefused.stale 2\npreload a.b 17\nfailed-preload c No module\n"
      "quarantined d given up: it hung\nnot-shared e it uses os.getpid\n"
      "last-job 7-1 exited:3 900 -c x y\nstray\n\n");
  EXPECT_EQ(status.number("idle"), 4U);
  EXPECT_EQ(status.value("state"), "warm");
  EXPECT_EQ(status.value("nosuch"), "");
  EXPECT_EQ(status.refused.at("stale"), 2U);
  EXPECT_EQ(status.preloads.front(), (std::pair<std::string, std::uint64_t>("a.b", 17)));
  EXPECT_EQ(status.failed.front().second, "No module");
  EXPECT_EQ(status.quarantined.front().second, "given up: it hung");
  EXPECT_EQ(status.not_shared.front().first, "e");
  EXPECT_EQ(status.last_jobs.front().command, "-c x y");
  EXPECT_EQ(parse_jobs("7-1 running 12 s.py a b\n\n").front().seconds, 12U);
}

TEST(ImportTime, NestsAndLeavesTheProgramsOwnLines) {
  const ImportReport report = parse_import_time(
      "import time: self [us] | cumulative | imported package\n"
      "import time:       100 |        100 |     deep\n"
      "import time:       200 |        300 |   inner\n"
      "mine\n"
      "import time:        50 |        350 | outer.x\n"
      "import time:         5 |          5 | small\n"
      "no newline");
  EXPECT_EQ(report.rest, "mine\nno newline");
  ASSERT_EQ(report.imports.size(), 2U);
  EXPECT_EQ(report.imports[0].name, "outer.x");
  EXPECT_EQ(report.imports[0].cumulative_usec, 350U);
  EXPECT_EQ(report.imports[0].inner.at(0).inner.at(0).name, "deep");
  const auto all = worth_preloading(report.imports, {"outer", "inner", "deep"}, 10);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "outer.x");
  const auto without = worth_preloading(report.imports, {"deep", "small"}, 10);
  ASSERT_EQ(without.size(), 1U);
  EXPECT_EQ(without[0].name, "deep");
}

TEST(ConsoleScript, WhatPythonMayRun) {
  EXPECT_TRUE(may_be_python("print(1)\n"));
  EXPECT_TRUE(may_be_python(std::string_view("PK\3\4\0", 5)));
  EXPECT_TRUE(may_be_python("#!/usr/bin/env -S X=1 python3 -I\n"));
  EXPECT_TRUE(may_be_python("#!/home/someone/.local/bin/pml -p qt\n"));
  EXPECT_FALSE(may_be_python("#!/bin/sh\nexec python3\n"));
  EXPECT_FALSE(may_be_python("\177ELF\2\1"));
}

TEST(ConsoleScript, FirstLine) {
  EXPECT_EQ(python_first_line("#!/usr/bin/python3\n")->interpreter, "/usr/bin/python3");
  EXPECT_EQ(python_first_line("#! /usr/bin/env python3.11\nx")->interpreter, "python3.11");
  EXPECT_TRUE(python_first_line("#!/usr/bin/python3 -I\n")->has_options);
  EXPECT_FALSE(python_first_line("#!/bin/sh\n"));
  EXPECT_FALSE(
      python_first_line("\x7f"
                        "ELF"));
  EXPECT_FALSE(python_first_line(""));
}

TEST(ConsoleScript, Imports) {
  EXPECT_EQ(imported_modules("import re\nimport sys\nfrom black import main\nif x:\n  import y\n"),
            (Words{"black"}));
  EXPECT_EQ(imported_modules("import a.b, c\nfrom a.b import d\n"), (Words{"a.b"}));
}

TEST(ConsoleScript, LauncherKeepsTheRest) {
  const std::string text = launcher_text("#!/usr/bin/python3\nx\n", "/b/pml", "wrap-x");
  EXPECT_EQ(text, "#!/b/pml -pwrap-x\nx\n");
  EXPECT_TRUE(is_launcher(text, "wrap-x"));
  EXPECT_FALSE(is_launcher(text, "wrap-y"));
  EXPECT_FALSE(is_launcher("", "wrap-x"));
}

TEST(Memory, OfTheKernelsText) {
  const Memory memory = parse_smaps_rollup(
      "1-2 ---p\nRss: 900 kB\nPss:   500 kB\nPss_Anon: 7 kB\nShared_Clean: 10 kB\n"
      "Shared_Dirty: 20 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n");
  EXPECT_EQ(memory.pss, 500U);
  EXPECT_EQ(memory.shared, 30U);
  EXPECT_EQ(memory.own, 3U);
  EXPECT_EQ(parse_smaps_rollup("").pss, 0U);
}

TEST(Samples, PercentilesAndSteps) {
  Samples samples;
  EXPECT_EQ(samples.percentile(50), 0U);
  for (unsigned i = 1; i <= 100; ++i) samples.add(i);
  EXPECT_EQ(samples.percentile(0), 1U);
  EXPECT_EQ(samples.percentile(50), 51U);
  EXPECT_EQ(samples.percentile(100), 100U);
  EXPECT_EQ(samples.counts(0, 100, 2), (std::vector<unsigned>{49, 51}));
  EXPECT_EQ(bars({0, 1, 8}), " ▁█");
  EXPECT_EQ(bars({}), "");
}

TEST(Text, ForPeople) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(840), "840 µs");
  EXPECT_EQ(duration_text(12345), "12.3 ms");
  EXPECT_EQ(duration_text(4560000), "4.56 s");
  EXPECT_EQ(duration_text(200000000), "3min 20s");
  EXPECT_EQ(size_text(812), "812 KiB");
  EXPECT_EQ(size_text(2048), "2.00 MiB");
  EXPECT_EQ(toml_text("a\"\\\n"), "\"a\\\"\\\\\\u000A\"");
  EXPECT_EQ(toml_list({"a", "b"}), "[\"a\", \"b\"]");
}

TEST(Table, IsAsWideAsItNeedsToBe) {
  Table table({"A", ">NUMBER", "B"});
  table.add({{"µµµ"}, {"7"}, {"x"}});
  EXPECT_EQ(table.text(), "A    NUMBER  B\nµµµ       7  x\n");
}

}  // namespace
