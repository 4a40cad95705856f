#include <cstddef>
#include <cstdint>
#include <string_view>

#include "require.hpp"
#include "service/frame.hpp"
#include "wire/request.hpp"

namespace {

using namespace pml;

// Workers pass these on as C strings, so the byte behind each must be readable and NUL.
void check_text(std::string_view whole, std::string_view text) {
  if (text.data() == nullptr) return;
  PML_REQUIRE(text.data() >= whole.data());
  PML_REQUIRE(text.data() + text.size() < whole.data() + whole.size());
  PML_REQUIRE(text.data()[text.size()] == '\0');
  PML_REQUIRE(text.find('\0') == std::string_view::npos);
}

void check_body(std::string_view body) {
  const auto request = wire::decode_request(body);
  if (!request) return;
  check_text(body, request->target);
  check_text(body, request->cwd);
  check_text(body, request->report_name);
  for (const auto* texts :
       {&request->arguments, &request->interpreter_options, &request->environment})
    for (const std::string_view text : *texts) check_text(body, text);
  PML_REQUIRE(static_cast<std::uint8_t>(request->kind) <= wire::k_last_program_kind);
  // One request has one encoding.
  PML_REQUIRE(wire::encode(*request) == body);
}

}  // namespace

// The first byte is the number of descriptors that came along; the rest is what the peer sent, and
// once more taken for a body, which saves the fuzzer from guessing sizes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const service::Frame frame = service::inspect_frame(bytes, data[0]);
  if (frame.status == service::FrameStatus::complete) {
    PML_REQUIRE(frame.whole_size + frame.rest.size() == bytes.size());
    check_body(frame.body);
  }
  check_body(bytes);
  return 0;
}
