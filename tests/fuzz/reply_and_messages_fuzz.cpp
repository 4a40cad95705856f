#include <cstddef>
#include <cstdint>
#include <string_view>

#include "require.hpp"
#include "wire/reply.hpp"
#include "wire/zygote_message.hpp"

namespace {

using namespace pml;

// What decodes has exactly one encoding: nothing is lost, nothing is ignored.
template <typename Decode>
void check(std::string_view bytes, Decode decode) {
  const auto message = decode(bytes);
  if (message) PML_REQUIRE(wire::encode(*message) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, wire::decode_reply);
  check(bytes, wire::decode_order);
  check(bytes, wire::decode_event);
  check(bytes, wire::decode_verdict);
  if (const auto reply = wire::decode_reply(bytes);
      reply && reply->kind == wire::ReplyKind::refused) {
    const auto refusal = static_cast<wire::Refusal>(reply->value);
    PML_REQUIRE(!wire::name_of(refusal).empty());
    PML_REQUIRE(!wire::sentence_of(refusal).empty());
  }
  return 0;
}
