#include "service/frame.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace {

using namespace pml;
using service::FrameStatus;

std::string frame(std::uint32_t body, std::uint32_t descriptors,
                  std::uint16_t version = wire::k_version) {
  const wire::FrameHeader header{wire::k_magic, version, 0, descriptors, body};
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

FrameStatus status(const std::string& bytes, std::size_t descriptors = 0) {
  return service::inspect_frame(bytes, descriptors).status;
}

TEST(Frame, EveryPrefixWantsMore) {
  const std::string whole = frame(5, 0) + "hello";
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(status(whole.substr(0, size)), FrameStatus::more) << size;
  EXPECT_EQ(status(whole), FrameStatus::complete);
}

TEST(Frame, KnowsWhatCameBehind) {
  const std::string whole = frame(5, 2) + "helloREST";
  const auto seen = service::inspect_frame(whole, 2);
  EXPECT_EQ(seen.status, FrameStatus::complete);
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.rest, "REST");
}

TEST(Frame, TellsTheDialectsApart) {
  EXPECT_EQ(status("module x"), FrameStatus::text);
  EXPECT_EQ(status("\n"), FrameStatus::text);
  EXPECT_EQ(status("\x7f"), FrameStatus::more);
  EXPECT_EQ(status("\x7fPMX"), FrameStatus::malformed);
}

TEST(Frame, RefusesWhatCannotBeRight) {
  EXPECT_EQ(status(frame(5, 0, wire::k_version + 1)), FrameStatus::bad_version);
  EXPECT_EQ(status(frame(wire::k_max_body + 1, 0)), FrameStatus::malformed);
  EXPECT_EQ(status(frame(5, wire::k_max_descriptors + 1)), FrameStatus::malformed);
  EXPECT_EQ(status(frame(5, 1) + "hello", 0), FrameStatus::malformed);
  EXPECT_EQ(status(frame(5, 1), 2), FrameStatus::malformed);
}

}  // namespace
