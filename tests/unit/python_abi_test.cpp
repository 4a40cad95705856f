#include "base/python_abi.hpp"

#include <gtest/gtest.h>

#include "base/paths.hpp"
#include "base/venv.hpp"
#include "service/unfit.hpp"

namespace {

using pml::base::unserved_abi;
using pml::base::venv_profile;

struct Abi {
  const char* abi;
  const char* why;  // a part of it; empty: it is served
};

TEST(PythonAbi, TellsWhatIsServed) {
  const Abi table[] = {
      {"cpython-39-x86_64-linux-gnu", ""},
      {"cpython-311-x86_64-linux-gnu", ""},
      {"cpython-313-aarch64-linux-gnu", ""},
      {"cpython-38-x86_64-linux-gnu", "CPython 3.8"},
      {"cpython-314-x86_64-linux-gnu", ""},
      {"cpython-315-x86_64-linux-gnu", ""},
      {"cpython-399-x86_64-linux-gnu", "CPython 3.99, and this pml serves 3.9 to 3."},
      {"cpython-313t-x86_64-linux-gnu", "free-threaded"},
      {"cpython-313td-x86_64-linux-gnu", "free-threaded"},
      {"graalpy250-312-native-x86_64-linux", "no CPython"},
      {"cpython-311d-x86_64-linux-gnu", "debug"},
      {"pypy39-pp73-x86_64-linux-gnu", "no CPython"},
      {"cpython-3", "no CPython"},
      {"", "no CPython"},
  };
  for (const Abi& one : table) {
    const auto why = unserved_abi(one.abi);
    EXPECT_EQ(why.has_value(), *one.why != '\0') << one.abi;
    if (why) {
      EXPECT_NE(why->find(one.why), std::string::npos) << one.abi << ": " << *why;
    }
  }
}

TEST(Unfit, SaysWhatToDoNext) {
  using pml::service::unfit_sentence;
  pml::wire::Event event;
  event.kind = pml::wire::EventKind::unfit;
  event.name = "cpython-312-x86_64-linux-gnu";
  EXPECT_EQ(
      unfit_sentence("/p", event),
      "pml was not built for /p (cpython-312-x86_64-linux-gnu); make its module: pmlctl python "
      "add /p, or build pml with -Dinterpreters=/p");
  event.text = "undefined symbol: x";
  EXPECT_NE(unfit_sentence("/p", event).find("undefined symbol: x"), std::string::npos);
  EXPECT_NE(unfit_sentence("/p", event).find("pmlctl python add /p"), std::string::npos);
  event.name = "cpython-313t-x86_64-linux-gnu";
  EXPECT_EQ(unfit_sentence("/p", event),
            "pml cannot use /p: it is a free-threaded build, which pml does not serve");
  event.value = 1;
  event.text = "its internals are others";
  EXPECT_EQ(unfit_sentence("/p", event),
            "pml cannot use /p: its internals are others: pmlctl python add /p");
  event.text = "it is a debug build, which pml does not serve";
  EXPECT_EQ(unfit_sentence("/p", event).find("pmlctl"), std::string::npos);
}

TEST(VenvProfile, NamesTheProjectAndThePath) {
  EXPECT_TRUE(venv_profile("/home/u/proj/.venv").starts_with("venv-proj-"));
  EXPECT_TRUE(venv_profile("/home/u/venvs/tools").starts_with("venv-tools-"));
  EXPECT_NE(venv_profile("/home/u/a/.venv"), venv_profile("/home/u/b/.venv"));
  EXPECT_NE(venv_profile("/home/u/proj/.venv"), venv_profile("/home/v/proj/.venv"));
  EXPECT_EQ(venv_profile("/home/u/proj/.venv"), "venv-proj-9acd7dc7e378a8c5");
}

TEST(VenvProfile, IsAlwaysAProfilesName) {
  for (const std::string& path :
       {std::string("/"), std::string("/.venv"), std::string("/a b/ü/venv"), std::string("/x/-y"),
        "/" + std::string(200, 'n'), std::string("/$(x)/env")})
    EXPECT_TRUE(pml::base::valid_profile_name(venv_profile(path))) << venv_profile(path);
}

}  // namespace
