#include "service/text_dialect.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "service/shell_words.hpp"

namespace {

using namespace pml;
using service::TextError;
using service::TextLine;
using service::TextQuestion;
using service::TextRequest;
using Words = std::vector<std::string>;

TEST(ShellWords, SplitAsAShellWould) {
  EXPECT_EQ(*service::split_words("a  b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(*service::split_words(R"('a b' "c d" e\ f)"), (Words{"a b", "c d", "e f"}));
  EXPECT_EQ(*service::split_words(R"(a'b'"c"d)"), (Words{"abcd"}));
  EXPECT_EQ(*service::split_words(R"('' "")"), (Words{"", ""}));
  EXPECT_EQ(*service::split_words(R"('\n' "\n" \n)"), (Words{"\\n", "\\n", "n"}));
  EXPECT_EQ(*service::split_words(R"("\" \\ \$ \`")"), (Words{"\" \\ $ `"}));
  EXPECT_EQ(*service::split_words("a\\\nb"), (Words{"ab"}));
}

TEST(ShellWords, ExpandNothing) {
  EXPECT_EQ(*service::split_words("$HOME *.py ~ `id` $(id) a;b #c | > &"),
            (Words{"$HOME", "*.py", "~", "`id`", "$(id)", "a;b", "#c", "|", ">", "&"}));
}

TEST(ShellWords, UnclosedIsNothing) {
  EXPECT_FALSE(service::split_words("'a"));
  EXPECT_FALSE(service::split_words("\"a"));
  EXPECT_FALSE(service::split_words("a\\"));
  EXPECT_FALSE(service::split_words("\"a\\\""));
}

TEST(ShellWords, EmptyLineHasNoWords) {
  EXPECT_TRUE(service::split_words("")->empty());
  EXPECT_TRUE(service::split_words(" \t\r\n")->empty());
}

TEST(TextDialect, ReadsTheThreeRequests) {
  const auto file = std::get<TextRequest>(service::parse_text("file 'a b.py' x \"y z\""));
  EXPECT_EQ(file.kind, wire::ProgramKind::script);
  EXPECT_EQ(file.target, "a b.py");
  EXPECT_EQ(file.arguments, (Words{"x", "y z"}));
  const auto module = std::get<TextRequest>(service::parse_text("module a.b -v"));
  EXPECT_EQ(module.kind, wire::ProgramKind::module);
  EXPECT_EQ(module.target, "a.b");
  EXPECT_EQ(module.arguments, (Words{"-v"}));
  const auto entry =
      std::get<TextRequest>(service::parse_text("entrypoint n==0.1.0 console_scripts n arg"));
  EXPECT_EQ(entry.kind, wire::ProgramKind::entry_point);
  EXPECT_EQ(entry.target, "n==0.1.0:console_scripts:n");
  EXPECT_EQ(entry.arguments, (Words{"arg"}));
}

TEST(TextDialect, CarriageReturnIsABlank) {
  EXPECT_EQ(std::get<TextRequest>(service::parse_text("module x\r")).target, "x");
}

TEST(TextDialect, SaysWhatIsWrong) {
  for (const char* line : {"", "  ", "file", "module", "module ''", "entrypoint a b", "bogus x",
                           "file 'a", "status now", "FILE a", "kill", "kill 1 BOGUS", "kill 1 2 3",
                           "environment", "environment relative", "environment /a /b"})
    EXPECT_TRUE(std::holds_alternative<TextError>(service::parse_text(line))) << line;
  EXPECT_TRUE(
      std::holds_alternative<TextError>(service::parse_text(std::string_view("module a\0b", 10))));
}

TEST(TextDialect, KnowsQuestions) {
  EXPECT_EQ(std::get<TextQuestion>(service::parse_text("status")).subject, "status");
  EXPECT_EQ(std::get<TextQuestion>(service::parse_text("jobs")).subject, "jobs");
  EXPECT_EQ(std::get<TextQuestion>(service::parse_text("imports")).subject, "imports");
  EXPECT_EQ(std::get<TextQuestion>(service::parse_text("modules")).subject, "modules");
  const auto verified = std::get<TextQuestion>(service::parse_text("verified a.b 'it is another'"));
  EXPECT_EQ(verified.subject, "verified");
  EXPECT_EQ(verified.job, "a.b");
  EXPECT_EQ(verified.how, "it is another");
  EXPECT_TRUE(std::get<TextQuestion>(service::parse_text("verified")).job.empty());
  const auto environment = std::get<TextQuestion>(service::parse_text("environment '/a b/.venv'"));
  EXPECT_EQ(environment.subject, "environment");
  EXPECT_EQ(environment.job, "/a b/.venv");
  const auto kill = std::get<TextQuestion>(service::parse_text("kill 17-4"));
  EXPECT_EQ(kill.job, "17-4");
  EXPECT_EQ(kill.signal, SIGTERM);
  for (const char* line : {"kill 17-4 SIGKILL", "kill 17-4 KILL", "kill 17-4 9"})
    EXPECT_EQ(std::get<TextQuestion>(service::parse_text(line)).signal, SIGKILL) << line;
}

TEST(TextDialect, CompleteWhenQuotesAreClosed) {
  EXPECT_TRUE(service::looks_complete("module x"));
  EXPECT_FALSE(service::looks_complete("module 'x"));
}

TEST(TextDialect, AnswersInLines) {
  const auto text = [](wire::ReplyKind kind, int value, std::string_view detail = {}) {
    wire::Reply reply;
    reply.kind = kind;
    reply.value = value;
    reply.text = detail;
    return service::text_of(reply);
  };
  EXPECT_EQ(text(wire::ReplyKind::started, 17), "started 17\n");
  EXPECT_EQ(text(wire::ReplyKind::exited, 3), "exited 3\n");
  EXPECT_EQ(text(wire::ReplyKind::killed, SIGTERM), "killed SIGTERM\n");
  EXPECT_EQ(text(wire::ReplyKind::killed, 63), "killed SIG63\n");
  EXPECT_EQ(text(wire::ReplyKind::refused, 2, "a\nb"),
            "error too many requests are waiting: a b\n");
}

}  // namespace
