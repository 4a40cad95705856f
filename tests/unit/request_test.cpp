#include "wire/request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pml::wire {
namespace {

/// A request with a distinct value in every field.
Request full_request() {
  Request request;
  request.kind = ProgramKind::module;
  request.flags = k_flag_wait | k_flag_shepherd;
  request.target = "pack.age";
  request.arguments = {"one", "", "\xff\xfe", "four words are here"};
  request.interpreter_options = {"-u", "-Wignore"};
  request.environment = {"A=1", "EMPTY=", "BYTES=\xff", "NOEQUALS"};
  request.report_name = "0a1b2";
  request.cwd = "/some/where";
  request.umask = 027;
  for (std::size_t i = 0; i < k_limit_count; ++i)
    request.limits[i] = {i * 3 + 1, ~std::uint64_t{i}};
  request.nice = -7;
  request.scheduler = 3;
  request.scheduler_priority = 2;
  request.oom_score_adjust = 500;
  request.personality = 0x40000;
  request.session_keyring = 815;
  request.coredump_filter = 0x33;
  request.affinity = std::string_view("\x03\0\0\0\0\0\0\0", 8);
  request.ignored_signals = 0x1001;
  request.blocked_signals = ~std::uint64_t{0};
  request.descriptors = {k_descriptor_cwd, k_descriptor_terminal, 0, 1, 2, 63, 1 << 20};
  return request;
}

TEST(Request, EveryFieldComesBack) {
  const Request request = full_request();
  const std::string body = encode(request);
  const auto back = decode_request(body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, request.kind);
  EXPECT_EQ(back->flags, request.flags);
  EXPECT_EQ(back->target, request.target);
  EXPECT_EQ(back->arguments, request.arguments);
  EXPECT_EQ(back->interpreter_options, request.interpreter_options);
  EXPECT_EQ(back->environment, request.environment);
  EXPECT_EQ(back->report_name, request.report_name);
  EXPECT_EQ(back->cwd, request.cwd);
  EXPECT_EQ(back->umask, request.umask);
  EXPECT_EQ(back->limits, request.limits);
  EXPECT_EQ(back->nice, request.nice);
  EXPECT_EQ(back->scheduler, request.scheduler);
  EXPECT_EQ(back->scheduler_priority, request.scheduler_priority);
  EXPECT_EQ(back->oom_score_adjust, request.oom_score_adjust);
  EXPECT_EQ(back->personality, request.personality);
  EXPECT_EQ(back->session_keyring, request.session_keyring);
  EXPECT_EQ(back->coredump_filter, request.coredump_filter);
  EXPECT_EQ(back->affinity, request.affinity);
  EXPECT_EQ(back->ignored_signals, request.ignored_signals);
  EXPECT_EQ(back->blocked_signals, request.blocked_signals);
  EXPECT_EQ(back->descriptors, request.descriptors);
}

TEST(Request, AnEmptyOneComesBack) {
  EXPECT_TRUE(decode_request(encode(Request{})));
}

TEST(Request, EveryKindComesBackAndNoOther) {
  std::string body = encode(full_request());
  for (int kind = 0; kind < 256; ++kind) {
    body[0] = static_cast<char>(kind);
    EXPECT_EQ(decode_request(body).has_value(), kind <= k_last_program_kind) << kind;
  }
}

TEST(Request, EveryTruncationFails) {
  const std::string body = encode(full_request());
  for (std::size_t size = 0; size < body.size(); ++size) {
    const std::string part = body.substr(0, size);
    EXPECT_FALSE(decode_request(part)) << "at " << size;
  }
}

TEST(Request, TrailingBytesFail) {
  EXPECT_FALSE(decode_request(encode(full_request()) + '\0'));
}

TEST(Request, AnyChangedByteIsReadWithoutHarm) {
  const std::string body = encode(full_request());
  for (std::size_t at = 0; at < body.size(); ++at) {
    for (unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = body;
      changed[at] = static_cast<char>(value);
      const auto back = decode_request(changed);
      if (!back) continue;
      for (std::string_view text : back->arguments) EXPECT_EQ(text.data()[text.size()], '\0');
      for (std::int32_t number : back->descriptors) EXPECT_GE(number, k_descriptor_terminal);
    }
  }
}

TEST(Request, NumbersBelowTheTerminalAreNoDescriptors) {
  Request request;
  request.descriptors = {k_descriptor_terminal - 1};
  EXPECT_FALSE(decode_request(encode(request)));
}

TEST(Request, AnEnvironmentOfTwoMebibytesComesBack) {
  const std::string variable = "NAME=" + std::string(1000, 'x');
  Request request;
  request.environment.assign(2000, variable);
  const std::string body = encode(request);
  ASSERT_LT(body.size(), k_max_body);
  const auto back = decode_request(body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->environment, request.environment);
}

}  // namespace
}  // namespace pml::wire
