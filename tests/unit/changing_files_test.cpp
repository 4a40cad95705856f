#include "service/changing_files.hpp"

#include <gtest/gtest.h>

namespace {

using pml::service::ChangingFiles;

constexpr std::uint64_t k_second = 1000000;

using Files = std::vector<std::string>;

TEST(ChangingFiles, twice_in_a_row_after_a_launch_is_enough) {
  ChangingFiles files;
  EXPECT_FALSE(files.changed("/out", 1, 0, k_second));
  EXPECT_EQ(files.all(k_second), Files());
  EXPECT_TRUE(files.changed("/out", 2, 1, k_second));
  EXPECT_EQ(files.all(k_second), Files{"/out"});
}

TEST(ChangingFiles, others_in_between_and_changes_that_no_launch_makes_do_not_count) {
  ChangingFiles files;
  for (std::uint64_t i = 1; i < 10; ++i) {
    EXPECT_FALSE(files.changed("/out", 2 * i, i, k_second));
    EXPECT_FALSE(files.changed("/other", 2 * i + 1, i, k_second));
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(files.changed("/module.py", 30, 10, k_second));
}

TEST(ChangingFiles, what_serves_several_callers_before_it_changes_is_worth_it) {
  ChangingFiles files;
  for (std::uint64_t i = 1; i < 10; ++i)
    EXPECT_FALSE(files.changed("/state", 3 * i, 3 * i, k_second));
}

TEST(ChangingFiles, words_are_no_file) {
  ChangingFiles files;
  for (std::uint64_t i = 1; i < 10; ++i)
    EXPECT_FALSE(files.changed("the machine's name", i, i, k_second));
}

TEST(ChangingFiles, after_an_hour_it_is_found_out_anew) {
  ChangingFiles files;
  for (std::uint64_t i = 1; i < 4; ++i) (void)files.changed("/out", i, i, k_second);
  EXPECT_EQ(files.all(3600 * k_second), Files{"/out"});
  EXPECT_EQ(files.all(3601 * k_second), Files());
  files.forget();
  EXPECT_EQ(files.all(k_second), Files());
}

}  // namespace
