#include "wire/cold_only.hpp"

#include <gtest/gtest.h>

using namespace pml::wire;

TEST(ColdOnly, OptionsThatCanBeDoneLate) {
  for (const char letter : {'b', 'B', 'q', 'u', 'W', 'X'}) EXPECT_TRUE(is_warm_option(letter));
  for (const char letter : {'O', 'I', 'E', 's', 'S', 'P', 'd', 'v', 'i', 'x', 'R', 't', '?', 'Z'})
    EXPECT_FALSE(is_warm_option(letter)) << letter;
}

TEST(ColdOnly, SettingsThatAreNotKnownMayActAtTheStart) {
  EXPECT_TRUE(is_warm_setting("faulthandler"));
  for (const char* setting : {"dev", "utf8=0", "frozen_modules=off", "int_max_str_digits=1000",
                              "lazy_imports", "tlbc=0", "of_a_later_python", "faulthandler2", ""})
    EXPECT_FALSE(is_warm_setting(setting)) << setting;
}

TEST(ColdOnly, VariablesThatCanBeDoneLateOrAreReadWhenUsed) {
  for (const char* name : {"PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONIOENCODING",
                           "PYTHONBREAKPOINT", "PYTHON_COLORS"})
    EXPECT_FALSE(is_cold_variable(name, "1")) << name;
  for (const char* name : {"PATH", "LANG", "PYTHO", "MYPYTHONHOME"})
    EXPECT_FALSE(is_cold_variable(name, "1")) << name;
}

TEST(ColdOnly, OtherPythonVariablesActAtTheStart) {
  for (const char* name : {"PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONNOUSERSITE",
                           "PYTHON_OF_A_LATER_ONE", "PYTHON"}) {
    EXPECT_TRUE(is_cold_variable(name, "1")) << name;
    EXPECT_FALSE(is_cold_variable(name, "")) << name;
  }
}

TEST(ColdOnly, OnlyARandomHashSeedIsThePoolsAsWell) {
  EXPECT_FALSE(is_cold_variable("PYTHONHASHSEED", "random"));
  EXPECT_TRUE(is_cold_variable("PYTHONHASHSEED", "0"));
}
