#include "wire/codec.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace pml::wire {
namespace {

using std::string_literals::operator""s;

TEST(Codec, IntegersComeBack) {
  Writer out;
  out.u8(0xfe);
  out.u16(0xfedc);
  out.u32(0xfedcba98U);
  out.i32(-5);
  out.u64(0xfedcba9876543210ULL);
  const std::string bytes = out.take();
  Reader in(bytes);
  EXPECT_EQ(in.u8(), 0xfe);
  EXPECT_EQ(in.u16(), 0xfedc);
  EXPECT_EQ(in.u32(), 0xfedcba98U);
  EXPECT_EQ(in.i32(), -5);
  EXPECT_EQ(in.u64(), 0xfedcba9876543210ULL);
  EXPECT_TRUE(in.finished());
}

TEST(Codec, TextsOfAnyBytesComeBack) {
  for (const std::string& text :
       {""s, "a"s, "\xff\xfe"s, "gr\xc3\xbc\xc3\x9f"s, std::string(100000, 'x')}) {
    Writer out;
    out.text(text);
    Reader in(out.bytes());
    EXPECT_EQ(in.text(), text);
    EXPECT_TRUE(in.finished());
  }
}

TEST(Codec, TextIsFollowedByNul) {
  Writer out;
  out.text("abc");
  out.text("def");
  Reader in(out.bytes());
  EXPECT_STREQ(in.text().data(), "abc");
  EXPECT_STREQ(in.text().data(), "def");
}

TEST(Codec, OnlyBlobsMayHoldNul) {
  Writer out;
  out.text("a\0b"s);
  Reader as_text(out.bytes());
  EXPECT_EQ(as_text.text(), "");
  EXPECT_TRUE(as_text.failed());
  Reader as_blob(out.bytes());
  EXPECT_EQ(as_blob.blob(), "a\0b"s);
  EXPECT_TRUE(as_blob.finished());
}

TEST(Codec, ListsComeBack) {
  for (const std::vector<std::string_view>& list :
       {std::vector<std::string_view>{}, {""}, {"one"}, {"one", "", "three"}}) {
    Writer out;
    out.texts(list);
    Reader in(out.bytes());
    EXPECT_EQ(in.texts(), list);
    EXPECT_TRUE(in.finished());
  }
}

TEST(Codec, EveryTruncationFails) {
  Writer out;
  out.u8(1);
  out.u16(2);
  out.text("some text");
  out.texts({"a", "bc", ""});
  out.u64(3);
  const std::string whole = out.take();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    Reader in(part);
    (void)in.u8();
    (void)in.u16();
    (void)in.text();
    (void)in.texts();
    (void)in.u64();
    EXPECT_TRUE(in.failed()) << "at " << size;
  }
}

TEST(Codec, AfterAFailureEverythingIsZeroOrEmpty) {
  Reader in("ab");
  (void)in.u32();
  ASSERT_TRUE(in.failed());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.u64(), 0U);
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.texts().empty());
  EXPECT_EQ(in.count(1), 0U);
  EXPECT_FALSE(in.finished());
}

TEST(Codec, HugeCountsAndSizesFailAtOnce) {
  for (std::uint32_t claimed : {1U, 2U, 1000U, 0x7fffffffU, 0xffffffffU}) {
    Writer out;
    out.u32(claimed);
    Reader as_list(out.bytes());
    EXPECT_TRUE(as_list.texts().empty());
    EXPECT_TRUE(as_list.failed()) << claimed;
    Reader as_text(out.bytes());
    EXPECT_EQ(as_text.text(), "");
    EXPECT_TRUE(as_text.failed()) << claimed;
    Reader as_count(out.bytes());
    EXPECT_EQ(as_count.count(4), 0U);
    EXPECT_TRUE(as_count.failed()) << claimed;
  }
}

TEST(Codec, WhatIsLeftOverIsNotFinished) {
  Reader in("ab");
  (void)in.u8();
  EXPECT_FALSE(in.failed());
  EXPECT_FALSE(in.finished());
}

}  // namespace
}  // namespace pml::wire
