#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "service/ahead_files.hpp"
#include "service/installed.hpp"
#include "service/program_rows.hpp"
#include "service/program_store.hpp"
#include "service/remembered_caller.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace pml;           // NOLINT: a test
using namespace pml::service;  // NOLINT
using profile::TargetKind;
using test::ScopedVariable;
using test::TemporaryFolder;
namespace fs = std::filesystem;

wire::Request request_of(wire::ProgramKind kind, std::string_view target) {
  wire::Request request;
  request.kind = kind;
  request.target = target;
  request.cwd = "/home/me";
  return request;
}

void write_to(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(ProgramKey, CodeAndStandardInputAreNoPrograms) {
  EXPECT_EQ(key_text(request_of(wire::ProgramKind::command, "pass")), "");
  EXPECT_EQ(key_text(request_of(wire::ProgramKind::standard_in, "-")), "");
}

TEST(ProgramKey, TellsProgramsApart) {
  const auto text = [](wire::ProgramKind kind, std::string_view target, std::string_view cwd = "/a",
                       std::vector<std::string_view> options = {}) {
    wire::Request request = request_of(kind, target);
    request.cwd = cwd;
    request.interpreter_options = std::move(options);
    EXPECT_EQ(key_text(request), key_text(key_of(request)));
    return key_text(request);
  };
  using wire::ProgramKind;
  EXPECT_NE(text(ProgramKind::script, "/x"), text(ProgramKind::module, "/x"));
  EXPECT_NE(text(ProgramKind::script, "/x"), text(ProgramKind::script, "/y"));
  EXPECT_NE(text(ProgramKind::script, "/x"), text(ProgramKind::script, "/x", "/a", {"-O"}));
  EXPECT_EQ(text(ProgramKind::script, "/x", "/a"), text(ProgramKind::script, "/x", "/b"));
  EXPECT_NE(text(ProgramKind::script, "x", "/a"), text(ProgramKind::script, "x", "/b"));
  EXPECT_NE(text(ProgramKind::module, "x", "/a"), text(ProgramKind::module, "x", "/b"));
}

TEST(ProgramKey, ADeclarationMeansWhatPeopleCallSo) {
  const auto meant = [](TargetKind kind, const std::string& declared, TargetKind is,
                        const std::string& target) {
    return is_meant({"n", kind, declared, 1}, {is, target, {}, "/home/me"});
  };
  EXPECT_TRUE(meant(TargetKind::entry_point, "black", TargetKind::entry_point, "black"));
  EXPECT_TRUE(meant(TargetKind::entry_point, "black", TargetKind::entry_point, "black==23:black"));
  EXPECT_TRUE(meant(TargetKind::entry_point, "black", TargetKind::script, "/usr/bin/black"));
  EXPECT_TRUE(meant(TargetKind::entry_point, "black", TargetKind::script, "venv/bin/black"));
  EXPECT_FALSE(meant(TargetKind::entry_point, "black", TargetKind::script, "/src/black"));
  EXPECT_FALSE(meant(TargetKind::entry_point, "black", TargetKind::script, "/usr/bin/blackd"));
  EXPECT_FALSE(meant(TargetKind::entry_point, "black", TargetKind::module, "black"));
  EXPECT_TRUE(meant(TargetKind::module, "pytest", TargetKind::module, "pytest"));
  EXPECT_TRUE(meant(TargetKind::script, "/home/me/r.py", TargetKind::script, "r.py"));
  EXPECT_FALSE(meant(TargetKind::script, "/home/me/r.py", TargetKind::script, "/r.py"));
}

TEST(ProgramRows, AScriptLiesInOnePlaceHoweverItIsNamed) {
  const TemporaryFolder folder;
  const fs::path root = fs::canonical(folder.path());
  write_to(root / "a/tool.py", "");
  fs::create_directories(root / "b");
  fs::create_directory_symlink(root / "a", root / "link");
  const std::string origin = (root / "a/tool.py").string();
  for (const auto& [target, in] :
       std::vector<std::pair<std::string, std::string>>{{origin, ""},
                                                        {"tool.py", "a"},
                                                        {"./tool.py", "a"},
                                                        {"../a/tool.py", "b"},
                                                        {"tool.py", "link"},
                                                        {(root / "link/tool.py").string(), ""}})
    EXPECT_EQ(origin_of({TargetKind::script, target, {}, (root / in).string()}), origin) << target;
  EXPECT_NE(origin_of({TargetKind::script, "tool.py", {}, (root / "b").string()}), origin);
}

TEST(ProgramRows, AModuleIsAnotherOneWhereTheFolderHoldsIt) {
  const TemporaryFolder folder;
  const std::string here = fs::canonical(folder.path()).string();
  const ProgramKey key{TargetKind::module, "tool.part", {}, here};
  EXPECT_EQ(origin_of(key), "");
  write_to(fs::path(here) / "tool/__init__.py", "");
  EXPECT_EQ(origin_of(key), here);
}

Program program_of(const std::string& target, const std::string& folder, std::time_t last) {
  Program program;
  program.record.key = {TargetKind::script, target, {}, folder};
  program.record.launched(last);
  program.name = name_of(program.record.key);
  return program;
}

TEST(ProgramRows, OneForEachProgramWhateverItsWays) {
  const TemporaryFolder folder;
  const std::string a = folder.path() + "/a";
  const std::string b = folder.path() + "/b";
  for (const std::string& in : {a, b}) write_to(in + "/tool.py", "");
  const Program relative = program_of("tool.py", a, 10);
  const Program absolute = program_of(a + "/tool.py", "", 20);
  const Program other = program_of("tool.py", b, 30);
  EXPECT_EQ(rows_of({&relative, &absolute, &other}),
            (std::vector<ProgramRow>{{&other}, {&absolute, &relative}}));
}

TEST(ProgramRows, ADeclarationIsOneAndComesFirst) {
  Program first = program_of("/usr/bin/tool", "", 10);
  Program second = program_of("/opt/bin/tool", "", 20);
  const Program later = program_of("/usr/local/bin/tool", "", 30);
  first.declared = second.declared = true;
  EXPECT_EQ(rows_of({&later, &first, &second}),
            (std::vector<ProgramRow>{{&second, &first}, {&later}}));
}

TEST(ProgramRows, PeopleNameAProgramOrThePathOfItsScript) {
  const TemporaryFolder folder;
  write_to(fs::path(folder.path()) / "tool.py", "");
  const Program program = program_of("./tool.py", folder.path(), 1);
  EXPECT_TRUE(is_called(program, "tool.py"));
  EXPECT_TRUE(is_called(program, folder.path() + "/tool.py"));
  EXPECT_TRUE(is_called(
      program, folder.path() + "/../" + fs::path(folder.path()).filename().string() + "/tool.py"));
  EXPECT_FALSE(is_called(program, "./tool.py")) << "of whose folder?";
  EXPECT_FALSE(is_called(program, "/tool.py"));
}

TEST(Installed, AScriptThatPipRecordedAndOneThatAPersonWrote) {
  const TemporaryFolder folder;
  const fs::path prefix = folder.path();
  write_to(prefix / "bin/tool", "#!python\n");
  write_to(prefix / "bin/mine", "#!python\n");
  write_to(prefix / "lib/python3.11/site-packages/tool-1.dist-info/RECORD",
           "tool.py,,\n../../../bin/tool,sha256=x,9\n");
  const auto installed = [&](const char* name) {
    return is_installed({TargetKind::script, (prefix / "bin" / name).string(), {}, ""},
                        "/usr/bin/python3");
  };
  EXPECT_TRUE(installed("tool"));
  EXPECT_FALSE(installed("mine"));
  EXPECT_FALSE(installed("absent"));
}

TEST(Installed, AModuleOfTheInterpreterUnlessTheFolderHasOneOfTheName) {
  const TemporaryFolder folder;
  const fs::path here = folder.path();
  const std::string python = (here / "venv/bin/python3").string();
  write_to(here / "venv/lib/python3.11/site-packages/tool/__init__.py", "");
  const auto installed = [&](const char* module) {
    return is_installed({TargetKind::module, module, {}, here.string()}, python);
  };
  EXPECT_TRUE(installed("tool"));
  EXPECT_TRUE(installed("tool.part"));
  EXPECT_FALSE(installed("own"));
  write_to(here / "tool.py", "");
  EXPECT_FALSE(installed("tool"));
}

TEST(ProgramStore, KeepsWhatWasFoundOut) {
  const TemporaryFolder folder;
  const ScopedVariable state("XDG_STATE_HOME", folder.path().c_str());
  ProgramRecord record;
  record.key = {TargetKind::script, "/x/caf\xc3\xa9\xff", {"-O"}, "/y"};
  for (const std::time_t when : {10, 20, 30, 40}) record.launched(when);
  record.template_stops = {"numpy"};
  record.question = "makes /z";
  record.saves_usec = 5;
  record.identity = {true, 1, 2, 3, -4, 5};
  const ProgramStore store("p");
  store.save("/usr/bin/python3", {&record});
  const auto records = store.load("/usr/bin/python3");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, record.key);
  EXPECT_EQ(records[0].launches, 4U);
  EXPECT_EQ(records[0].last, (std::array<std::time_t, 3>{40, 30, 20}));
  EXPECT_EQ(records[0].launches_since(25), 2U);
  EXPECT_EQ(records[0].template_stops, record.template_stops);
  EXPECT_EQ(records[0].question, "makes /z");
  EXPECT_EQ(records[0].identity, record.identity);
  EXPECT_TRUE(store.load("/usr/bin/python3.9").empty()) << "another interpreter's";
  EXPECT_TRUE(ProgramStore("q").load("/usr/bin/python3").empty());
}

TEST(ProgramStore, GarbageCountsAsEmpty) {
  const TemporaryFolder folder;
  const ScopedVariable state("XDG_STATE_HOME", folder.path().c_str());
  const ProgramStore store("p");
  const ProgramRecord record;
  store.save("/p", {&record});
  const fs::path file = fs::path(folder.path()) / "pml/programs/p.json";
  ASSERT_EQ(store.load("/p").size(), 1U);
  std::string text;
  std::getline(std::ifstream(file), text, '\0');
  for (std::size_t size = 0; size + 2 < text.size(); size += 7) {
    write_to(file, text.substr(0, size));
    EXPECT_TRUE(store.load("/p").empty()) << size;
  }
  for (const char* garbage :
       {"[]", "null", "{\"version\": 1}", "\xff\xfe", "{\"version\": \"x\"}"}) {
    write_to(file, garbage);
    EXPECT_TRUE(store.load("/p").empty()) << garbage;
  }
}

TEST(RememberedCaller, ForgetsTheArguments) {
  wire::Request request = request_of(wire::ProgramKind::script, "/x");
  request.arguments = {"--password", "secret-word"};
  request.environment = {"A=1"};
  request.report_name = "secret-name";
  const RememberedCaller caller(request, {});
  EXPECT_EQ(caller.body().find("secret"), std::string::npos);
  EXPECT_EQ(caller.request().target, "/x");
  EXPECT_EQ(caller.environment(), Variables{"A=1"});
}

struct Watched {
  TemporaryFolder folder;
  event::Loop loop;
  std::string changed;
  AheadFiles files{loop, [this](const std::string& path) { changed = path; }};

  std::string path(const std::string& name) const {
    return (fs::path(folder.path()) / name).string();
  }
  std::string add(const std::string& name) {
    return files.add({{path(name), ahead::identity_of(path(name))}});
  }
  std::string look() {
    files.look();
    return changed;
  }
};

TEST(AheadFiles, NoticesAChange) {
  Watched watched;
  write_to(watched.path("a"), "1");
  write_to(watched.path("b"), "1");
  EXPECT_EQ(watched.add("a"), "");
  EXPECT_EQ(watched.look(), "");
  write_to(watched.path("b"), "2");
  EXPECT_EQ(watched.look(), "") << "another file";
  write_to(watched.path("a"), "22");
  EXPECT_EQ(watched.look(), watched.path("a"));
}

TEST(AheadFiles, NoticesThatItHasChangedBefore) {
  Watched watched;
  write_to(watched.path("a"), "1");
  const auto identity = ahead::identity_of(watched.path("a"));
  write_to(watched.path("a"), "22");
  EXPECT_EQ(watched.files.add({{watched.path("a"), identity}}), watched.path("a"));
}

TEST(AheadFiles, NoticesWhatComesWhereNothingWas) {
  Watched watched;
  EXPECT_EQ(watched.add("x/y/z"), "");
  fs::create_directories(watched.path("x"));
  EXPECT_EQ(watched.look(), watched.path("x")) << "nobody would notice what comes below it";
}

TEST(AheadFiles, NoticesThatAFileComes) {
  Watched watched;
  EXPECT_EQ(watched.add("x"), "");
  write_to(watched.path("x"), "");
  EXPECT_EQ(watched.look(), watched.path("x"));
}

TEST(AheadFiles, NoticesAnEntryOfAFolder) {
  Watched watched;
  fs::create_directories(watched.path("f"));
  EXPECT_EQ(watched.add("f"), "");
  write_to(watched.path("f/new"), "");
  EXPECT_EQ(watched.look(), watched.path("f"));
}

TEST(AheadFiles, NoticesAChangeAtTheFarEndOfALink) {
  Watched watched;
  write_to(watched.path("far/a"), "1");
  fs::create_symlink(watched.path("far/a"), watched.path("link"));
  EXPECT_EQ(watched.add("link"), "");
  write_to(watched.path("far/a"), "22");
  EXPECT_EQ(watched.look(), watched.path("link"));
}

}  // namespace
