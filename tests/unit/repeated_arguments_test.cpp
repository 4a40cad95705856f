#include "service/repeated_arguments.hpp"

#include <gtest/gtest.h>

namespace {

using pml::service::RepeatedArguments;

RepeatedArguments after(std::initializer_list<const char*> launches) {
  RepeatedArguments repeated;
  for (const char* arguments : launches) repeated.launched(arguments);
  return repeated;
}

TEST(RepeatedArguments, twice_in_a_row_is_enough) {
  EXPECT_FALSE(after({"a"}).any());
  EXPECT_FALSE(after({"a", "b", "a", "b"}).any());
  const RepeatedArguments repeated = after({"b", "a", "a"});
  EXPECT_TRUE(repeated.any());
  EXPECT_EQ(repeated.wanted(), "a");
}

TEST(RepeatedArguments, others_in_between_change_nothing_until_they_are_repeated) {
  RepeatedArguments repeated = after({"a", "a", "b"});
  EXPECT_EQ(repeated.wanted(), "a");
  repeated.launched("b");
  EXPECT_EQ(repeated.wanted(), "b");
}

TEST(RepeatedArguments, three_times_in_vain_is_the_end_until_others_are_repeated) {
  RepeatedArguments repeated = after({"a", "a"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(repeated.any());
    repeated.was_in_vain();
    repeated.launched("a");
  }
  EXPECT_FALSE(repeated.any());
  repeated.launched("b");
  repeated.launched("b");
  EXPECT_TRUE(repeated.any());
}

TEST(RepeatedArguments, one_that_came_true_is_no_longer_in_vain) {
  RepeatedArguments repeated = after({"a", "a"});
  for (int i = 0; i < 5; ++i) {
    repeated.was_in_vain();
    repeated.launched("a");
    repeated.came_true();
  }
  EXPECT_TRUE(repeated.any());
}

TEST(RepeatedArguments, useless_ones_are_not_wanted) {
  RepeatedArguments repeated = after({"a", "a"});
  repeated.are_useless();
  repeated.launched("a");
  EXPECT_FALSE(repeated.any());
}

TEST(RepeatedArguments, callers_that_differ_are_told_after_two) {
  RepeatedArguments repeated = after({"a", "a"});
  repeated.missed();
  EXPECT_FALSE(repeated.misses());
  repeated.missed();
  EXPECT_TRUE(repeated.misses());
  repeated.forget_misses();
  EXPECT_FALSE(repeated.misses());
  repeated.missed();
  repeated.came_true();
  repeated.missed();
  EXPECT_FALSE(repeated.misses());
}

TEST(RepeatedArguments, very_long_ones_are_not_kept) {
  RepeatedArguments repeated;
  for (int i = 0; i < 3; ++i) repeated.launched(std::string(10000, 'a'));
  EXPECT_FALSE(repeated.any());
  EXPECT_TRUE(repeated.wanted().empty());
}

}  // namespace
