#include "wire/zygote_message.hpp"

#include "wire/codec.hpp"

namespace pml::wire {

std::string encode(const Order& order) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(order.kind));
  out.i32(order.value);
  out.i32(order.target);
  out.i32(order.flag);
  for (const auto* list :
       {&order.boot.modules, &order.boot.optional, &order.boot.after_fork, &order.boot.warmup,
        &order.boot.avoided, &order.boot.pieces, &order.boot.quirks, &order.boot.heard})
    out.texts(*list);
  out.text(order.boot.imports_to);
  out.flag(order.boot.trial);
  return out.take();
}

std::optional<Order> decode_order(std::string_view packet) {
  Reader in(packet);
  Order order;
  const std::uint8_t kind = in.u8();
  if (kind == 0 || kind > k_last_order_kind) return std::nullopt;
  order.kind = static_cast<OrderKind>(kind);
  order.value = in.i32();
  order.target = in.i32();
  order.flag = in.i32();
  for (auto* list :
       {&order.boot.modules, &order.boot.optional, &order.boot.after_fork, &order.boot.warmup,
        &order.boot.avoided, &order.boot.pieces, &order.boot.quirks, &order.boot.heard})
    *list = in.texts();
  order.boot.imports_to = in.text();
  order.boot.trial = in.flag();
  if (!in.finished()) return std::nullopt;
  return order;
}

std::string encode(const Event& event) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(event.kind));
  out.i32(event.pid);
  out.i32(event.value);
  out.u64(event.cpu_usec);
  out.u64(event.max_rss_kib);
  out.text(event.name);
  out.text(event.text);
  out.texts(event.files);
  return out.take();
}

std::optional<Event> decode_event(std::string_view packet) {
  Reader in(packet);
  Event event;
  const std::uint8_t kind = in.u8();
  if (kind == 0 || kind > k_last_event_kind) return std::nullopt;
  event.kind = static_cast<EventKind>(kind);
  event.pid = in.i32();
  event.value = in.i32();
  event.cpu_usec = in.u64();
  event.max_rss_kib = in.u64();
  event.name = in.text();
  event.text = in.text();
  event.files = in.texts();
  if (!in.finished()) return std::nullopt;
  return event;
}

std::string encode(const Verdict& verdict) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(verdict.kind));
  out.i32(verdict.value);
  out.text(verdict.text);
  out.u64(verdict.cpu_usec);
  out.u64(verdict.max_rss_kib);
  out.text(verdict.misled);
  out.text(verdict.variable);
  return out.take();
}

std::optional<Verdict> decode_verdict(std::string_view packet) {
  Reader in(packet);
  Verdict verdict;
  const std::uint8_t kind = in.u8();
  if (kind == 0 || kind > k_last_verdict_kind) return std::nullopt;
  verdict.kind = static_cast<VerdictKind>(kind);
  verdict.value = in.i32();
  verdict.text = in.text();
  verdict.cpu_usec = in.u64();
  verdict.max_rss_kib = in.u64();
  verdict.misled = in.text();
  verdict.variable = in.text();
  if (!in.finished()) return std::nullopt;
  return verdict;
}

}  // namespace pml::wire
