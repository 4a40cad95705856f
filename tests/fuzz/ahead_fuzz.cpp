#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ahead/judgement.hpp"
#include "ahead/messages.hpp"
#include "require.hpp"

namespace {

using namespace pml;

wire::Request caller_request(std::string_view backend) {
  wire::Request request;
  request.target = "/usr/bin/tool";
  request.environment = {"HOME=/home/me", backend};
  request.arguments = {"--check", "file.py"};
  request.cwd = "/home/me";
  return request;
}

// What a worker says that it asked is judged for two callers, whatever it says.
void judge(const ahead::Report& report) {
  const wire::Request then = caller_request("MPLBACKEND=agg");
  const wire::Request now = caller_request("MPLBACKEND=svg");
  const ahead::Caller first{.request = &then, .streams = {}};
  const ahead::Caller second{.request = &now, .streams = {}};
  (void)ahead::difference(report.facts, first, second);
  // Whoever asks again with everything as it was gets what ran ahead; of a descriptor that is no
  // standard stream nothing is known.
  for (const ahead::Fact& fact : report.facts)
    if (fact.number < 0 || fact.number > 2) return;
  PML_REQUIRE(!ahead::difference(report.facts, first, first));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // What decodes has exactly one encoding: nothing is lost, nothing is ignored.
  if (const auto plan = ahead::decode_plan(bytes)) PML_REQUIRE(ahead::encode(*plan) == bytes);
  if (const auto report = ahead::decode_report(bytes)) {
    PML_REQUIRE(ahead::encode(*report) == bytes);
    judge(*report);
  }
  return 0;
}
