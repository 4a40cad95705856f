#include "wire/reply.hpp"

#include <array>

#include "wire/codec.hpp"

namespace pml::wire {

namespace {

struct RefusalText {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<RefusalText, k_last_refusal + 1> k_texts = {{
    {"unknown", "the service gave no known reason"},
    {"warming-up", "the pool is still warming up"},
    {"overloaded", "too many requests are waiting"},
    {"stopping", "the service is being stopped"},
    {"protocol", "the service speaks another version of the protocol"},
    {"malformed", "the request is not well-formed"},
    {"other-user", "the caller's user, group or supplementary groups differ from the service's"},
    {"other-namespace", "the caller is in other namespaces than the service"},
    {"confined", "the caller is more confined than the service"},
    {"traced", "the caller is being traced"},
    {"option", "an interpreter option cannot be honoured in a warm interpreter"},
    {"environment", "an environment variable acts at start or was read by a preloaded module"},
    {"shadowed", "a file would win over a preloaded module"},
    {"context", "a part of the caller's context cannot be handed over"},
    {"stale", "a preloaded file has changed and a new pool is being made"},
    {"broken", "the service has no working interpreter"},
    {"terminal", "the terminal cannot be handed over"},
}};

const RefusalText& text_of(Refusal refusal) noexcept {
  const auto number = static_cast<std::int32_t>(refusal);
  return k_texts[number >= 1 && number <= k_last_refusal ? number : 0];
}

}  // namespace

std::string_view name_of(Refusal refusal) noexcept {
  return text_of(refusal).name;
}
std::string_view sentence_of(Refusal refusal) noexcept {
  return text_of(refusal).sentence;
}

std::string encode(const Reply& reply) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(reply.kind));
  out.i32(reply.value);
  out.text(reply.text);
  out.text(reply.interpreter);
  return out.take();
}

std::string encode_frame(const Reply& reply) {
  const std::string body = encode(reply);
  Writer out;
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.raw(body.data(), body.size());
  return out.take();
}

std::optional<Reply> decode_reply(std::string_view body) {
  Reader in(body);
  Reply reply;
  const std::uint8_t kind = in.u8();
  if (kind == 0 || kind > k_last_reply_kind) return std::nullopt;
  reply.kind = static_cast<ReplyKind>(kind);
  reply.value = in.i32();
  reply.text = in.text();
  reply.interpreter = in.text();
  if (!in.finished()) return std::nullopt;
  return reply;
}

}  // namespace pml::wire
