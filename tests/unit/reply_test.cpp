#include "wire/reply.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace pml::wire {
namespace {

constexpr Reply k_replies[] = {
    {ReplyKind::started, 4711, "", ""},
    {ReplyKind::exited, 0, "", ""},
    {ReplyKind::exited, 255, "time line", ""},
    {ReplyKind::killed, 9, "", ""},
    {ReplyKind::stopped, 20, "", ""},
    {ReplyKind::continued, 0, "", ""},
    {ReplyKind::refused, static_cast<int>(Refusal::shadowed), "./numpy.py",
     "/opt/venv/bin/python3"},
    {ReplyKind::retry, 0, "", ""},
};

TEST(Reply, EveryReplyComesBack) {
  for (const Reply& reply : k_replies) {
    const std::string body = encode(reply);
    const auto back = decode_reply(body);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, reply.kind);
    EXPECT_EQ(back->value, reply.value);
    EXPECT_EQ(back->text, reply.text);
    EXPECT_EQ(back->interpreter, reply.interpreter);
  }
}

TEST(Reply, EveryTruncationFails) {
  for (const Reply& reply : k_replies) {
    const std::string body = encode(reply);
    for (std::size_t size = 0; size < body.size(); ++size) {
      const std::string part = body.substr(0, size);
      EXPECT_FALSE(decode_reply(part)) << "at " << size;
    }
    EXPECT_FALSE(decode_reply(body + "x"));
  }
}

TEST(Reply, OnlyKnownKindsAreRead) {
  std::string body = encode(k_replies[0]);
  for (int kind = 0; kind < 256; ++kind) {
    body[0] = static_cast<char>(kind);
    EXPECT_EQ(decode_reply(body).has_value(), kind >= 1 && kind <= k_last_reply_kind) << kind;
  }
}

TEST(Reply, AFrameIsTheSizeAndTheBody) {
  for (const Reply& reply : k_replies) {
    const std::string body = encode(reply);
    const std::string frame = encode_frame(reply);
    std::uint32_t size = 0;
    ASSERT_GE(frame.size(), sizeof size);
    std::memcpy(&size, frame.data(), sizeof size);
    EXPECT_EQ(size, body.size());
    EXPECT_EQ(frame.substr(sizeof size), body);
  }
}

TEST(Refusal, EachHasANameAndASentenceOfItsOwn) {
  std::set<std::string_view> names;
  std::set<std::string_view> sentences;
  for (std::int32_t number = 1; number <= k_last_refusal; ++number) {
    const std::string_view name = name_of(static_cast<Refusal>(number));
    const std::string_view sentence = sentence_of(static_cast<Refusal>(number));
    EXPECT_EQ(name.find(' '), std::string_view::npos) << name;
    EXPECT_NE(sentence.back(), '.') << sentence;
    names.insert(name);
    sentences.insert(sentence);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(k_last_refusal));
  EXPECT_EQ(sentences.size(), static_cast<std::size_t>(k_last_refusal));
}

TEST(Refusal, NumbersOutsideAreUnknown) {
  for (std::int32_t number : {-1, 0, k_last_refusal + 1, 1 << 30, -(1 << 30)})
    EXPECT_EQ(name_of(static_cast<Refusal>(number)), "unknown");
}

}  // namespace
}  // namespace pml::wire
