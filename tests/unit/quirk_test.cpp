#include "wire/quirk.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace pml::wire {
namespace {

using Parts = std::vector<std::string>;

void expect_quirk(std::string_view line, QuirkKind kind, const Parts& parts) {
  const auto quirk = parse_quirk(line);
  ASSERT_TRUE(quirk) << line;
  EXPECT_EQ(quirk->kind, kind) << line;
  EXPECT_EQ(quirk->parts, parts) << line;
}

TEST(Quirk, EachForm) {
  expect_quirk("exit-call a.b:f only-if-set lib.so:sym", QuirkKind::exit_call,
               {"a.b", "f", "lib.so", "sym"});
  expect_quirk("import a.* needs b", QuirkKind::import_needs, {"a.*", "b"});
  expect_quirk("renew a:x = {1: 2} # text", QuirkKind::renew_by_value, {"a", "x", "{1: 2} # text"});
  expect_quirk("renew a:x.y time:time", QuirkKind::renew_by_call, {"a", "x.y", "time", "time"});
  expect_quirk("threads a ended by end(1, 2) begun by begin(was)", QuirkKind::threads,
               {"a", "end(1, 2)", "begin(was)"});
  expect_quirk("draw * lib harmless", QuirkKind::draw_harmless, {"*", "lib"});
  expect_quirk("draw a lib by f()", QuirkKind::draw_by, {"a", "lib", "f()"});
  expect_quirk("change a by b", QuirkKind::change, {"a", "b"});
  expect_quirk("watch a:x items", QuirkKind::watch, {"a", "x"});
  expect_quirk("extension a once", QuirkKind::extension_once, {"a"});
  expect_quirk("extension a:f notices-second", QuirkKind::import_guard, {"a", "f"});
  expect_quirk("question a:own harmless", QuirkKind::question, {"a", "own"});
  expect_quirk("difference * harmless name x, not y", QuirkKind::difference,
               {"*", "name x, not y"});
}

TEST(Quirk, BlanksDoNotMatter) {
  expect_quirk("change \t a   by b  ", QuirkKind::change, {"a", "b"});
  expect_quirk("renew a:x =   1 ", QuirkKind::renew_by_value, {"a", "x", "1"});
}

TEST(Quirk, WhatIsOfNoForm) {
  for (const char* line :
       {"", "change", "change a", "change a with b", "change a by b c", "renew a = 1",
        "renew a:x =", "renew a: time:time", "renew :x time:time", "watch a items",
        "threads a ended by f()", "threads a ended by  begun by g()", "draw a lib by",
        "extension a twice", "question a harmless", "exit-call a:f only-if-set lib", "remember a:x",
        "Change a by b"})
    EXPECT_FALSE(parse_quirk(line)) << line;
}

TEST(Quirk, LinesAreSortedAndNumbered) {
  const QuirkLines lines =
      quirk_lines("# remark\n\nchange a by b\n  # one more\nchange a\r\nnew x");
  EXPECT_EQ(lines.good, Parts{"change a by b"});
  ASSERT_EQ(lines.bad.size(), 2U);
  EXPECT_EQ(lines.bad[0].line, 5U);
  EXPECT_NE(lines.bad[0].sentence.find("change MODULE by MODULE"), std::string::npos);
  EXPECT_EQ(lines.bad[1].line, 6U);
  EXPECT_EQ(lines.bad[1].sentence.find("meant"), std::string::npos);
}

TEST(Quirk, TheFileThatIsInstalled) {
  std::ifstream file(PML_SOURCE_ROOT "/config/quirks");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const QuirkLines lines = quirk_lines(text);
  EXPECT_GT(lines.good.size(), 30U);
  for (const BadQuirk& bad : lines.bad) ADD_FAILURE() << bad.line << ": " << bad.sentence;
}

}  // namespace
}  // namespace pml::wire
