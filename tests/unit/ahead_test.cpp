#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "ahead/compiled.hpp"
#include "ahead/judgement.hpp"
#include "ahead/messages.hpp"
#include "ahead/questions.hpp"
#include "wire/zygote_message.hpp"

namespace {

using pml::ahead::Becomes;
using pml::ahead::Caller;
using pml::ahead::Fact;
using pml::ahead::FactKind;
using pml::ahead::Place;
using pml::ahead::Plan;
using pml::ahead::Report;
using pml::wire::ProgramKind;
using pml::wire::Request;

Request plain_request() {
  Request request;
  request.kind = ProgramKind::script;
  request.target = "/usr/bin/tool";
  request.environment = {"HOME=/home/me", "MPLBACKEND=agg", "SHLVL=1"};
  request.cwd = "/home/me";
  return request;
}

Caller caller_of(const Request& request) {
  Caller caller;
  caller.request = &request;
  for (auto& stream : caller.streams) stream.open = true;
  caller.folder_device = 1;
  caller.folder_inode = 2;
  return caller;
}

TEST(AheadMessages, a_plan_comes_back_as_it_was) {
  Plan plan;
  plan.request = std::string("with\0nul", 8);
  plan.streams[1] = {true, true, false, true, 80, 24};
  plan.template_stops = {"numpy"};
  plan.worker_stops = {"torch", "gi"};
  plan.allowed = {"bind [::1]:0"};
  plan.changing = {"/out.png"};
  plan.tried = {"/a.so", "dlopen libb.so"};
  plan.arguments = std::string("a\0b", 3);
  plan.trial = true;
  plan.memory_mib = 77;
  const auto back = pml::ahead::decode_plan(pml::ahead::encode(plan));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->request, plan.request);
  EXPECT_EQ(back->streams, plan.streams);
  EXPECT_EQ(back->changing, plan.changing);
  EXPECT_EQ(back->template_stops, plan.template_stops);
  EXPECT_EQ(back->worker_stops, plan.worker_stops);
  EXPECT_EQ(back->allowed, plan.allowed);
  EXPECT_EQ(back->tried, plan.tried);
  EXPECT_EQ(back->arguments, plan.arguments);
  EXPECT_TRUE(back->trial);
  EXPECT_EQ(back->memory_mib, 77U);
}

TEST(AheadMessages, a_report_comes_back_as_it_was) {
  Report report;
  report.facts = {{FactKind::variable, 0, "HOME"}, {FactKind::terminal, 1, ""}};
  report.files = {{"/etc/tool.conf", {true, 1, 2, 3, 4, 5}}, {"/none", {}}};
  report.question = "reads sys.argv";
  report.place = "tool/cli.py:12";
  report.processor_usec = 10;
  report.usec = 20;
  report.start_usec = 3;
  const auto memory = pml::ahead::in_memory(pml::ahead::encode(report));
  ASSERT_TRUE(memory.valid());
  const auto bytes = pml::ahead::from_memory(memory.borrow());
  ASSERT_TRUE(bytes);
  const auto back = pml::ahead::decode_report(*bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->facts, report.facts);
  EXPECT_EQ(back->files, report.files);
  EXPECT_EQ(back->question, report.question);
  EXPECT_EQ(back->place, report.place);
  EXPECT_EQ(back->usec, 20U);
  EXPECT_EQ(back->start_usec, 3U);
}

TEST(AheadFacts, of_a_kind_that_there_is_not_are_not_read) {
  for (const int kind : {0, 11, 255}) {
    pml::wire::Writer out;
    write(out, pml::ahead::Fact{static_cast<FactKind>(kind), 0, {}});
    pml::wire::Reader in(out.bytes());
    (void)pml::ahead::read_fact(in);
    EXPECT_TRUE(in.failed()) << kind;
  }
}

TEST(AheadFacts, a_folder_that_was_only_asked_for_may_change) {
  using pml::ahead::Identity;
  using pml::ahead::is_same;
  const Identity whole{true, 1, 2, 3, 4, 5};
  const Identity loose{true, 1, 2, 0, 0, 0};
  EXPECT_TRUE(is_same(loose, whole));
  EXPECT_FALSE(is_same(whole, loose));
  EXPECT_FALSE(is_same(loose, {true, 1, 9, 3, 4, 5}));
  EXPECT_FALSE(is_same(loose, {}));
  EXPECT_FALSE(is_same({}, whole));
}

TEST(AheadMessages, what_is_cut_short_is_nothing) {
  Report report;
  report.files = {{"/etc/tool.conf", {true, 1, 2, 3, 4, 5}}};
  const std::string whole = pml::ahead::encode(report);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(pml::ahead::decode_report(whole.substr(0, size))) << size;
  const std::string plan = pml::ahead::encode(Plan{});
  for (std::size_t size = 0; size < plan.size(); ++size)
    EXPECT_FALSE(pml::ahead::decode_plan(plan.substr(0, size))) << size;
}

TEST(AheadMessages, its_orders_and_events_are_known) {
  pml::wire::Order order;
  order.kind = pml::wire::OrderKind::run_ahead;
  EXPECT_TRUE(pml::wire::decode_order(pml::wire::encode(order)));
  pml::wire::Event event;
  event.kind = pml::wire::EventKind::not_ahead;
  EXPECT_TRUE(pml::wire::decode_event(pml::wire::encode(event)));
  EXPECT_TRUE(pml::wire::decode_verdict(
      pml::wire::encode(pml::wire::Verdict{pml::wire::VerdictKind::not_ahead, 0, {}})));
}

TEST(AheadQuestions, what_others_could_notice_stops) {
  for (const char* name : {"rmdir", "unlink", "fork", "kill", "_exit", "chdir", "setsid",
                           "sendfile", "getppid", "openpty", "a_function_of_next_year"})
    EXPECT_EQ(pml::ahead::what_becomes_of("posix", name), Becomes::stop) << name;
  EXPECT_EQ(pml::ahead::what_becomes_of("_posixsubprocess", "fork_exec"), Becomes::stop);
  EXPECT_EQ(pml::ahead::what_becomes_of("stream", "read"), Becomes::stop);
  EXPECT_EQ(pml::ahead::what_becomes_of("_io", "TextIOWrapper.write"), Becomes::own_stream);
  EXPECT_EQ(pml::ahead::what_becomes_of("sys", "argv"), Becomes::stop);
  EXPECT_EQ(pml::ahead::what_becomes_of("time", "sleep"), Becomes::stop);
  EXPECT_EQ(pml::ahead::what_becomes_of("_interpreters", "create"), Becomes::stop);
  EXPECT_EQ(pml::ahead::import_of("_tkinter"), Becomes::stop);
  EXPECT_EQ(pml::ahead::import_of("a_module_of_next_year"), Becomes::stop);
}

TEST(AheadQuestions, what_is_only_read_is_answered) {
  EXPECT_EQ(pml::ahead::what_becomes_of("posix", "stat"), Becomes::file);
  EXPECT_EQ(pml::ahead::what_becomes_of("posix", "getcwd"), Becomes::folder);
  EXPECT_EQ(pml::ahead::what_becomes_of("posix", "getpid"), Becomes::template_stops);
  EXPECT_EQ(pml::ahead::what_becomes_of("_random", "Random.seed"), Becomes::renewed);
  EXPECT_EQ(pml::ahead::what_becomes_of("math", "sin"), std::nullopt);
  EXPECT_EQ(pml::ahead::import_of("math"), Becomes::harmless);
}

TEST(AheadQuestions, places) {
  EXPECT_EQ(pml::ahead::place_of("/etc/passwd"), Place::ordinary);
  EXPECT_EQ(pml::ahead::place_of("/dev/null"), Place::nothing);
  EXPECT_EQ(pml::ahead::place_of("/dev/urandom"), Place::random);
  EXPECT_EQ(pml::ahead::place_of("/dev/tty"), Place::system);
  EXPECT_EQ(pml::ahead::place_of("/proc/self/status"), Place::own);
  EXPECT_EQ(pml::ahead::place_of("/proc/meminfo"), Place::system);
  EXPECT_EQ(pml::ahead::place_of("/processes"), Place::ordinary);
}

TEST(AheadJudgement, the_same_caller_is_served) {
  const Request then = plain_request(), now = plain_request();
  EXPECT_EQ(pml::ahead::difference({{FactKind::every_variable, 0, ""},
                                    {FactKind::folder, 0, ""},
                                    {FactKind::terminal, 1, ""}},
                                   caller_of(then), caller_of(now)),
            std::nullopt);
}

TEST(AheadJudgement, only_what_was_asked_is_compared) {
  const Request then = plain_request();
  Request now = plain_request();
  now.environment = {"HOME=/home/me", "SHLVL=2"};
  now.cwd = "/tmp";
  now.umask = 077;
  EXPECT_EQ(
      pml::ahead::difference({{FactKind::variable, 0, "PATH"}}, caller_of(then), caller_of(now)),
      std::nullopt);
  for (const auto& [kind, name] :
       {std::pair{FactKind::variable, "MPLBACKEND"}, std::pair{FactKind::every_variable, ""},
        std::pair{FactKind::folder, ""}, std::pair{FactKind::mask, ""}})
    EXPECT_TRUE(pml::ahead::difference({{kind, 0, name}}, caller_of(then), caller_of(now)))
        << static_cast<int>(kind);
}

TEST(AheadJudgement, what_acts_at_start_is_always_compared) {
  const Request then = plain_request();
  for (const char* entry :
       {"LC_ALL=de_DE.UTF-8", "LD_PRELOAD=x", "PYTHONPATH=/x", "TZ=UTC", "OMP_NUM_THREADS=1"}) {
    Request now = plain_request();
    now.environment.push_back(entry);
    EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), caller_of(now))) << entry;
    EXPECT_TRUE(pml::ahead::difference({}, caller_of(now), caller_of(then))) << entry;
  }
  Request now = plain_request();
  now.limits[3].soft = 1;
  EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), caller_of(now)));
  now = plain_request();
  now.interpreter_options = {"-O"};
  EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), caller_of(now)));
  Caller closed = caller_of(then);
  closed.streams[0].open = false;
  EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), closed));
}

TEST(AheadJudgement, a_relative_program_belongs_to_its_folder) {
  Request then = plain_request();
  then.target = "tool.py";
  const Request now = then;
  Caller elsewhere = caller_of(now);
  elsewhere.folder_inode = 3;
  EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), elsewhere));
  then = plain_request();
  EXPECT_FALSE(pml::ahead::difference({}, caller_of(then), [&] {
    Caller other = caller_of(then);
    other.folder_inode = 3;
    return other;
  }()));
  then.environment.push_back("PYTHONPATH=/lib:");
  Caller other = caller_of(then);
  other.folder_inode = 3;
  EXPECT_TRUE(pml::ahead::difference({}, caller_of(then), other));
}

TEST(AheadJudgement, who_cannot_run_ahead) {
  Request request = plain_request();
  EXPECT_FALSE(pml::ahead::hindrance(request));
  for (const char* open : {"/dev/fd/63", "/proc/self/fd/5"}) {
    Request other = plain_request();
    other.kind = ProgramKind::script;
    other.target = open;
    EXPECT_TRUE(pml::ahead::hindrance(other)) << open;
  }
  for (const char* option : {"-i", "-v", "-Bi", "-Ximporttime"}) {
    request.interpreter_options = {option};
    EXPECT_TRUE(pml::ahead::hindrance(request)) << option;
  }
  for (const char* option : {"-O", "-I", "-Xdev", "-Werror::DeprecationWarning"}) {
    request.interpreter_options = {option};
    EXPECT_FALSE(pml::ahead::hindrance(request)) << option;
  }
  request.interpreter_options = {"-X", "importtime"};
  EXPECT_TRUE(pml::ahead::hindrance(request));
  request.interpreter_options = {};
  request.kind = ProgramKind::command;
  EXPECT_TRUE(pml::ahead::hindrance(request));
}

/// Compiles C code to a shared object and asks of it.
std::optional<std::string> deed_of(
    const std::string& code,
    std::optional<std::string> (*ask)(const std::string&) = pml::ahead::hidden_deed_of) {
  char folder[] = "/tmp/pml-ahead-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return "no folder";
  const std::string base(folder);
  std::ofstream(base + "/a.c") << code;
  const std::string command = "cc -shared -fPIC -O0 -o " + base + "/a.so " + base + "/a.c -ldl";
  if (std::system(command.c_str()) != 0) return "no compiler";
  auto deed = ask(base + "/a.so");
  (void)std::system(("rm -r " + base).c_str());
  return deed;
}

TEST(AheadCompiled, what_only_computes_has_no_hidden_deed) {
  EXPECT_EQ(
      deed_of("#include <string.h>\n#include <stdlib.h>\n"
              "void *f(const char *t) { char *c = malloc(strlen(t)); return memcpy(c, t, 1); }"),
      std::nullopt);
}

TEST(AheadCompiled, what_asks_or_acts_has_one) {
  EXPECT_EQ(deed_of("#include <stdlib.h>\nchar *f(void) { return getenv(\"HOME\"); }"), "getenv");
  EXPECT_EQ(deed_of("#include <unistd.h>\nint f(void) { return unlink(\"x\"); }"), "unlink");
  EXPECT_EQ(deed_of("long syscall(long, ...);\nlong f(void) { return syscall(39); }"), "syscall");
  EXPECT_EQ(deed_of("void *PySys_GetObject(const char*);\n"
                    "void *f(void) { return PySys_GetObject(\"argv\"); }"),
            "PySys_GetObject");
  EXPECT_TRUE(pml::ahead::hidden_deed_of("/etc/passwd"));
  EXPECT_TRUE(pml::ahead::hidden_deed_of("/nowhere"));
}

TEST(AheadCompiled, what_memory_answers_is_heard_by_no_observer) {
  const auto silent = [](const std::string& code) {
    return deed_of(code, pml::ahead::silent_question_of);
  };
  EXPECT_EQ(silent("void Py_GetArgcArgv(int*, void*);\n"
                   "int f(void) { int n; void *w; Py_GetArgcArgv(&n, &w); return n; }"),
            "Py_GetArgcArgv");
  EXPECT_EQ(silent("extern char **environ;\nchar *f(void) { return *environ; }"), "environ");
  const std::string object =
      "void *PySys_GetObject(const char*);\nvoid *f(void) { return PySys_GetObject";
  EXPECT_EQ(silent(object + "(\"argv\"); }"), "PySys_GetObject");
  EXPECT_EQ(silent(object + "(\"stdout\"); }"), std::nullopt);
  EXPECT_EQ(silent("#include <stdlib.h>\nchar *f(void) { return getenv(\"HOME\"); }"),
            std::nullopt);
  EXPECT_TRUE(pml::ahead::is_silent_question("environ"));
  EXPECT_FALSE(pml::ahead::is_silent_question("getenv"));
}

TEST(AheadFacts, a_file_that_is_written_is_another_one) {
  char path[] = "/tmp/pml-ahead-XXXXXX";
  const int number = ::mkstemp(path);
  ASSERT_GE(number, 0);
  const auto before = pml::ahead::identity_of(path);
  EXPECT_TRUE(before.exists);
  EXPECT_EQ(before, pml::ahead::identity_of(path));
  ASSERT_EQ(::write(number, "x", 1), 1);
  EXPECT_NE(before, pml::ahead::identity_of(path));
  ::unlink(path);
  EXPECT_FALSE(pml::ahead::identity_of(path).exists);
  pml::base::close_number(number);
}

}  // namespace
