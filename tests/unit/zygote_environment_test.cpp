#include "service/environment.hpp"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>

namespace pml::service {
namespace {

using Additions = std::vector<std::pair<std::string, std::string>>;

/// An environment as a process has it.
class Given {
 public:
  Given(std::initializer_list<const char*> entries) : entries_(entries) {
    entries_.push_back(nullptr);
  }
  [[nodiscard]] const char* const* get() const { return entries_.data(); }

 private:
  std::vector<const char*> entries_;
};

bool has(const Variables& variables, const std::string& entry) {
  return std::count(variables.begin(), variables.end(), entry) == 1;
}

TEST(ServiceVariables, AreLeftOut) {
  const Given given{"A=1",
                    "NOTIFY_SOCKET=/n",
                    "WATCHDOG_USEC=1",
                    "INVOCATION_ID=i",
                    "JOURNAL_STREAM=8:9",
                    "MANAGERPID=1",
                    "SYSTEMD_EXEC_PID=2",
                    "LISTEN_FDS=1",
                    "LISTEN_PIDFDID=1",
                    "MEMORY_PRESSURE_WATCH=/m",
                    "PML=off",
                    "PML_PROFILE=qt",
                    "B=2"};
  EXPECT_EQ(without_service_variables(given.get()), (Variables{"A=1", "B=2"}));
}

TEST(ServiceVariables, OthersOfTheSameBeginningStay) {
  const Given given{"PMLX=1", "INVOCATION_IDENTITY=1", "LISTEN=1", "MANAGERPIDX=2"};
  EXPECT_EQ(without_service_variables(given.get()).size(), 4U);
}

TEST(ZygoteEnvironment, HasNothingOfPythonsButWhatTheProfileAdds) {
  const Given given{"HOME=/h", "LANG=C.UTF-8", "PYTHONPATH=/a", "PYTHONUNBUFFERED=1"};
  EXPECT_EQ(zygote_environment(given.get(), {}), (Variables{"HOME=/h", "LANG=C.UTF-8"}));
  EXPECT_TRUE(has(zygote_environment(given.get(), {{"PYTHONPATH", "/p"}}), "PYTHONPATH=/p"));
}

TEST(ZygoteEnvironment, ThatOfTheProfileReplaces) {
  const Given given{"HOME=/h", "LANG=C.UTF-8", "X=1", "XY=2"};
  const Variables variables = zygote_environment(given.get(), {{"X", "new"}});
  EXPECT_TRUE(has(variables, "X=new"));
  EXPECT_TRUE(has(variables, "XY=2"));
  EXPECT_FALSE(has(variables, "X=1"));
}

TEST(ZygoteEnvironment, ALocaleOfUtf8Stays) {
  for (const char* entry : {"LC_ALL=de_DE.UTF-8", "LC_CTYPE=en_US.utf8", "LANG=C.UTF-8"}) {
    const Given given{"HOME=/h", entry};
    EXPECT_TRUE(has(zygote_environment(given.get(), {}), entry)) << entry;
  }
}

TEST(ZygoteEnvironment, AnyOtherBecomesOneByTheStrongestVariable) {
  const Given other{"HOME=/h", "LC_ALL=C", "LANG=de_DE.UTF-8"};
  EXPECT_EQ(zygote_environment(other.get(), {}), (Variables{"HOME=/h", "LANG=C.UTF-8"}));
  const Given none{"HOME=/h"};
  EXPECT_TRUE(has(zygote_environment(none.get(), {}), "LANG=C.UTF-8"));
  const Given empty{"HOME=/h", "LC_ALL=", "LANG=de_DE.UTF-8"};
  EXPECT_TRUE(has(zygote_environment(empty.get(), {}), "LANG=de_DE.UTF-8"));
}

TEST(ZygoteEnvironment, OthersOfTheLocaleStay) {
  const Given given{"HOME=/h", "LC_ALL=C", "LC_TIME=C", "LANGUAGE=de"};
  const Variables variables = zygote_environment(given.get(), {});
  EXPECT_TRUE(has(variables, "LC_TIME=C"));
  EXPECT_TRUE(has(variables, "LANGUAGE=de"));
}

TEST(ZygoteEnvironment, HasAHome) {
  const Given given{"LANG=C.UTF-8"};
  EXPECT_TRUE(has(zygote_environment(given.get(), {}),
                  "HOME=" + std::string(::getpwuid(::getuid())->pw_dir)));
  const Given empty{"LANG=C.UTF-8", "HOME="};
  EXPECT_TRUE(has(zygote_environment(empty.get(), {}), "HOME="));
}

TEST(Callers, AreFollowedInWhatDoesNotActAtTheStart) {
  for (const char* name : {"QT_QPA_PLATFORM", "MPLBACKEND", "PATH", "NUMBA_DISABLE_JIT"})
    EXPECT_TRUE(may_follow_callers(name)) << name;
  for (const char* name :
       {"", "PYTHONPATH", "LD_PRELOAD", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "LC_ALL", "LANG",
        "LANGUAGE", "HOME", "PML_PROFILE", "PML", "NOTIFY_SOCKET", "LISTEN_FDS"})
    EXPECT_FALSE(may_follow_callers(name)) << name;
}

TEST(Pointers, EndWithNullAndPointIntoTheTexts) {
  std::vector<std::string> texts{"A=1", "B=2"};
  const std::vector<char*> all = pointers(texts);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], texts[0].data());
  EXPECT_EQ(all[2], nullptr);
}

}  // namespace
}  // namespace pml::service
