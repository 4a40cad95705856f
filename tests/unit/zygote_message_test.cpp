#include "wire/zygote_message.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pml::wire {
namespace {

Order boot_order() {
  Order order;
  order.kind = OrderKind::boot;
  order.boot.modules = {"json", "numpy"};
  order.boot.optional = {"scipy"};
  order.boot.after_fork = {"grpc"};
  order.boot.warmup = {"matplotlib:font"};
  order.boot.avoided = {"/opt/lib"};
  order.boot.pieces = {"re"};
  order.boot.quirks = {"shiboken2:keep"};
  order.boot.heard = {"draw torch._C /dev/urandom libc10.so.1"};
  order.boot.trial = true;
  order.boot.imports_to = "00a1f";
  return order;
}

Event warm_event() {
  Event event;
  event.kind = EventKind::exited;
  event.pid = 77;
  event.value = 139;
  event.cpu_usec = 1234567890123ULL;
  event.max_rss_kib = 9999;
  event.name = "numpy";
  event.text = "Traceback (most recent call last):\n";
  event.files = {"/usr/lib/python3.11/json/__init__.py", ""};
  return event;
}

TEST(Order, BootComesBack) {
  const Order order = boot_order();
  const std::string packet = encode(order);
  const auto back = decode_order(packet);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, order.kind);
  EXPECT_EQ(back->boot.modules, order.boot.modules);
  EXPECT_EQ(back->boot.optional, order.boot.optional);
  EXPECT_EQ(back->boot.after_fork, order.boot.after_fork);
  EXPECT_EQ(back->boot.warmup, order.boot.warmup);
  EXPECT_EQ(back->boot.avoided, order.boot.avoided);
  EXPECT_EQ(back->boot.pieces, order.boot.pieces);
  EXPECT_EQ(back->boot.quirks, order.boot.quirks);
  EXPECT_EQ(back->boot.heard, order.boot.heard);
  EXPECT_TRUE(back->boot.trial);
  EXPECT_EQ(back->boot.imports_to, order.boot.imports_to);
}

TEST(Order, AFlagIsZeroOrOne) {
  std::string packet = encode(boot_order());
  ASSERT_EQ(packet.back(), 1);
  packet.back() = 2;
  EXPECT_FALSE(decode_order(packet));
}

TEST(Order, NumbersComeBack) {
  Order order;
  order.kind = OrderKind::signal;
  order.value = 15;
  order.target = 4711;
  order.flag = 1;
  const std::string packet = encode(order);
  const auto back = decode_order(packet);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, OrderKind::signal);
  EXPECT_EQ(back->value, 15);
  EXPECT_EQ(back->target, 4711);
  EXPECT_EQ(back->flag, 1);
}

TEST(Event, EveryFieldComesBack) {
  const Event event = warm_event();
  const std::string packet = encode(event);
  const auto back = decode_event(packet);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, event.kind);
  EXPECT_EQ(back->pid, event.pid);
  EXPECT_EQ(back->value, event.value);
  EXPECT_EQ(back->cpu_usec, event.cpu_usec);
  EXPECT_EQ(back->max_rss_kib, event.max_rss_kib);
  EXPECT_EQ(back->name, event.name);
  EXPECT_EQ(back->text, event.text);
  EXPECT_EQ(back->files, event.files);
}

TEST(Verdict, ComesBack) {
  const Verdict verdict{VerdictKind::declined, 12, "./json.py", 5, 6};
  const std::string packet = encode(verdict);
  const auto back = decode_verdict(packet);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, verdict.kind);
  EXPECT_EQ(back->value, verdict.value);
  EXPECT_EQ(back->text, verdict.text);
  EXPECT_EQ(back->cpu_usec, verdict.cpu_usec);
  EXPECT_EQ(back->max_rss_kib, verdict.max_rss_kib);
}

TEST(ZygoteMessages, EveryTruncationAndEveryAdditionFails) {
  const std::string order = encode(boot_order());
  const std::string event = encode(warm_event());
  const std::string verdict = encode(Verdict{VerdictKind::accepted, 0, "text"});
  for (std::size_t size = 0; size < order.size(); ++size) {
    const std::string part = order.substr(0, size);
    EXPECT_FALSE(decode_order(part)) << size;
  }
  for (std::size_t size = 0; size < event.size(); ++size) {
    const std::string part = event.substr(0, size);
    EXPECT_FALSE(decode_event(part)) << size;
  }
  for (std::size_t size = 0; size < verdict.size(); ++size) {
    const std::string part = verdict.substr(0, size);
    EXPECT_FALSE(decode_verdict(part)) << size;
  }
  EXPECT_FALSE(decode_order(order + "x"));
  EXPECT_FALSE(decode_event(event + "x"));
  EXPECT_FALSE(decode_verdict(verdict + "x"));
}

TEST(ZygoteMessages, OnlyKnownKindsAreRead) {
  std::string order = encode(boot_order());
  std::string event = encode(warm_event());
  std::string verdict = encode(Verdict{});
  for (int kind = 0; kind < 256; ++kind) {
    order[0] = event[0] = verdict[0] = static_cast<char>(kind);
    EXPECT_EQ(decode_order(order).has_value(), kind >= 1 && kind <= k_last_order_kind) << kind;
    EXPECT_EQ(decode_event(event).has_value(), kind >= 1 && kind <= k_last_event_kind) << kind;
    EXPECT_EQ(decode_verdict(verdict).has_value(), kind >= 1 && kind <= k_last_verdict_kind)
        << kind;
  }
}

}  // namespace
}  // namespace pml::wire
