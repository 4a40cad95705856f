#include "worker/fitness.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace pml::worker {
namespace {

using Entries = std::vector<std::string_view>;
using Texts = std::vector<std::string>;

/// Judges a request with these options from a caller with these variables.
struct Asked {
  Entries options = {};
  Entries variables = {};
  Entries started_with = {};
  bool computes = false;
  Interpreter interpreter = {};

  [[nodiscard]] Fitness judged() const {
    wire::Request request;
    request.interpreter_options = options;
    return judge(request, Environment(variables), Environment(started_with), computes, interpreter);
  }
  [[nodiscard]] RunOptions fit() const {
    const Fitness fitness = judged();
    EXPECT_FALSE(fitness.objection) << fitness.objection->detail;
    return fitness.options;
  }
  /// What is in the way; empty where nothing is.
  [[nodiscard]] std::string unfit() const {
    const Fitness fitness = judged();
    return fitness.objection ? fitness.objection->detail : "";
  }
};

TEST(Environment, TheFirstOfANameWinsAsWithGetenv) {
  const Environment environment(Entries{"A=1", "B=", "A=2"});
  EXPECT_EQ(environment.get("A"), "1");
  EXPECT_EQ(environment.get("B"), "");
  EXPECT_EQ(environment.get("C"), std::nullopt);
  EXPECT_EQ(environment.all().size(), 2U);
}

TEST(Environment, WhatIsNoVariableIsLeftOut) {
  const Environment environment(Entries{"plain", "=x", "A=b=c"});
  EXPECT_EQ(environment.all().size(), 1U);
  EXPECT_EQ(environment.get("A"), "b=c");
}

TEST(Environment, ANameIsNotFoundByItsBeginning) {
  const Environment environment(Entries{"PATHS=1"});
  EXPECT_EQ(environment.get("PATH"), std::nullopt);
}

TEST(Options, LettersMayStandInOneWord) {
  const RunOptions options = Asked{.options = {"-uBq", "-q"}}.fit();
  EXPECT_TRUE(options.unbuffered);
  EXPECT_TRUE(options.dont_write_bytecode);
  EXPECT_EQ(options.quiet, 2);
}

TEST(Options, ThoseThatOnlyAStartHonoursAreNotTaken) {
  for (const char* option : {"-I", "-E", "-s", "-S", "-O", "-OO", "-i", "-v", "-x", "-d", "-P"})
    EXPECT_EQ((Asked{.options = {option}}.unfit()), option);
  EXPECT_EQ((Asked{.options = {"-uO"}}.unfit()), "-uO");
}

TEST(Options, WhatIsNoOptionIsNotTaken) {
  EXPECT_EQ((Asked{.options = {"--version"}}.unfit()), "--version");
  EXPECT_EQ((Asked{.options = {"-"}}.unfit()), "-");
  EXPECT_EQ((Asked{.options = {"word"}}.unfit()), "word");
}

TEST(Options, BehindTwoDashesNothingIsOne) {
  EXPECT_EQ((Asked{.options = {"-u", "--", "-I"}}.unfit()), "");
}

TEST(Options, ValuesStandInTheSameWordOrInTheNext) {
  EXPECT_EQ((Asked{.options = {"-Werror", "-W", "ignore", "-uWonce"}}.fit().warnings),
            (Texts{"error", "ignore", "once"}));
  EXPECT_EQ((Asked{.options = {"-W"}}.unfit()), "-W");
  EXPECT_EQ((Asked{.options = {"-X"}}.unfit()), "-X");
}

TEST(Options, OfXOnesOnlyFaulthandlerCanBeDoneLater) {
  const RunOptions options = Asked{.options = {"-Xfaulthandler"}}.fit();
  EXPECT_TRUE(options.faulthandler);
  EXPECT_EQ(options.x_options, Texts{"faulthandler"});
  EXPECT_EQ((Asked{.options = {"-X", "dev"}}.unfit()), "-X dev");
  EXPECT_EQ((Asked{.options = {"-Xofwhichnobodyknows=1"}}.unfit()), "-X ofwhichnobodyknows=1");
}

TEST(Options, FaulthandlerIsNotWhereItWouldShowWhoCalledTheInterpreter) {
  const Interpreter shows{.dumps_c_stack = true};
  EXPECT_EQ((Asked{.options = {"-Xfaulthandler"}, .interpreter = shows}.unfit()), "faulthandler");
  EXPECT_EQ((Asked{.variables = {"PYTHONFAULTHANDLER=1"}, .interpreter = shows}.unfit()),
            "faulthandler");
  EXPECT_EQ((Asked{.options = {"-u"}, .interpreter = shows}.unfit()), "");
}

TEST(Warnings, StandFromLeastToMostBinding) {
  EXPECT_EQ((Asked{.options = {"-b", "-Werror"}, .variables = {"PYTHONWARNINGS=ignore,once"}}
                 .fit()
                 .warnings),
            (Texts{"ignore", "once", "error", "default::BytesWarning"}));
  EXPECT_EQ((Asked{.options = {"-bb"}}.fit().warnings), Texts{"error::BytesWarning"});
}

TEST(Variables, AreReadAsPython3ReadsThem) {
  EXPECT_TRUE((Asked{.variables = {"PYTHONUNBUFFERED=yes"}}.fit().unbuffered));
  EXPECT_TRUE((Asked{.variables = {"PYTHONUNBUFFERED=-1"}}.fit().unbuffered));
  EXPECT_FALSE((Asked{.variables = {"PYTHONUNBUFFERED=0"}}.fit().unbuffered));
  EXPECT_FALSE((Asked{.variables = {"PYTHONUNBUFFERED="}}.fit().unbuffered));
  EXPECT_TRUE((Asked{.variables = {"PYTHONDONTWRITEBYTECODE=2"}}.fit().dont_write_bytecode));
  EXPECT_TRUE((Asked{.options = {"-u"}, .variables = {"PYTHONUNBUFFERED=0"}}.fit().unbuffered));
}

TEST(Variables, AnEncodingMayHaveAHandlerOfErrors) {
  const auto encoding = [](std::string_view value) {
    const RunOptions options = Asked{.variables = {value}}.fit();
    return options.io_encoding + "/" + options.io_errors;
  };
  EXPECT_EQ(encoding("PYTHONIOENCODING=latin-1"), "latin-1/strict");
  EXPECT_EQ(encoding("PYTHONIOENCODING=latin-1:replace"), "latin-1/replace");
  EXPECT_EQ(encoding("PYTHONIOENCODING=:replace"), "/replace");
  EXPECT_EQ(encoding("PYTHONIOENCODING="), "/");
}

TEST(Variables, APathKeepsItsEmptyParts) {
  EXPECT_EQ((Asked{.variables = {"PYTHONPATH=/a::/b"}}.fit().python_path), (Texts{"/a", "", "/b"}));
}

TEST(Variables, ThoseThatOnlyAStartHonoursAreNotTaken) {
  for (const char* name : {"PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTHONINSPECT",
                           "PYTHONOFWHICHNOBODYKNOWS"}) {
    const std::string entry = std::string(name) + "=1";
    const bool may = std::string(name) == "PYTHONSTARTUP";  // read where python3 talks to people
    EXPECT_EQ((Asked{.variables = {entry}}.unfit()), may ? "" : name);
  }
}

TEST(Variables, OfTheLoaderHaveToBeAsTheZygoteHadThem) {
  EXPECT_EQ((Asked{.variables = {"LD_PRELOAD=a.so"}}.unfit()), "LD_PRELOAD");
  EXPECT_EQ((Asked{.started_with = {"LD_PRELOAD=a.so"}}.unfit()), "LD_PRELOAD");
  EXPECT_EQ((Asked{.variables = {"LD_PRELOAD=a.so"}, .started_with = {"LD_PRELOAD=b.so"}}.unfit()),
            "LD_PRELOAD");
  EXPECT_EQ((Asked{.variables = {"LD_PRELOAD=a.so"}, .started_with = {"LD_PRELOAD=a.so"}}.unfit()),
            "");
  EXPECT_EQ((Asked{.variables = {"MALLOC_ARENA_MAX=1"}}.unfit()), "MALLOC_ARENA_MAX");
}

TEST(Variables, OfLibrariesThatComputeMatterWhereSomeArePreloaded) {
  EXPECT_EQ((Asked{.variables = {"OMP_NUM_THREADS=1"}}.unfit()), "");
  EXPECT_EQ((Asked{.variables = {"OMP_NUM_THREADS=1"}, .computes = true}.unfit()),
            "OMP_NUM_THREADS");
}

TEST(Variables, OfTheCallersAreTakenAlong) {
  const RunOptions options = Asked{.variables = {"TZ=UTC", "HOME=/h"}}.fit();
  EXPECT_EQ(options.time_zone, "UTC");
  EXPECT_EQ(options.home, "/h");
  EXPECT_EQ((Asked{}.fit().home), std::nullopt);
}

LocaleChoice locale_of(const Entries& variables, bool utf8_by_default = false) {
  return choose_locale(Environment(variables), utf8_by_default);
}

TEST(Locale, TheStrongestVariableThatIsNotEmptyNamesIt) {
  EXPECT_EQ(locale_of({"LANG=de_DE.UTF-8"}).name, "de_DE.UTF-8");
  EXPECT_EQ(locale_of({"LANG=a", "LC_CTYPE=b"}).name, "b");
  EXPECT_EQ(locale_of({"LANG=a", "LC_CTYPE=b", "LC_ALL=c"}).name, "c");
  EXPECT_EQ(locale_of({"LANG=a", "LC_ALL="}).name, "a");
}

TEST(Locale, OfCIsCoercedUnlessLcAllSaysSo) {
  const LocaleChoice plain = locale_of({});
  EXPECT_TRUE(plain.coerced && plain.utf8_mode && plain.escape_errors);
  EXPECT_EQ(plain.name, "C.UTF-8");
  const LocaleChoice said = locale_of({"LC_ALL=POSIX"});
  EXPECT_FALSE(said.coerced);
  EXPECT_TRUE(said.utf8_mode && said.escape_errors);
  EXPECT_EQ(said.name, "POSIX");
}

TEST(Locale, OthersDoNotEscapeErrorsUnlessTheirNameSaysNothing) {
  EXPECT_FALSE(locale_of({"LANG=de_DE.UTF-8"}).escape_errors);
  EXPECT_TRUE(locale_of({"LANG=C.UTF-8"}).escape_errors);
  EXPECT_FALSE(locale_of({"LANG=C.UTF-8"}).utf8_mode);
  EXPECT_TRUE(locale_of({"LANG=de_DE.UTF-8"}, true).escape_errors);
}

}  // namespace
}  // namespace pml::worker
