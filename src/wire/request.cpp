#include "wire/request.hpp"

#include <cstring>

#include "wire/codec.hpp"

namespace pml::wire {

namespace {

void write_body(Writer& out, const Request& request) {
  std::size_t size = 1024 + request.target.size();
  for (std::string_view item : request.environment) size += item.size() + 5;
  out.reserve(size);
  out.u8(static_cast<std::uint8_t>(request.kind));
  out.u32(request.flags);
  out.text(request.target);
  out.texts(request.arguments);
  out.texts(request.interpreter_options);
  out.texts(request.environment);
  out.text(request.report_name);
  out.text(request.cwd);
  out.u32(request.umask);
  for (const Limit& limit : request.limits) {
    out.u64(limit.soft);
    out.u64(limit.hard);
  }
  out.i32(request.nice);
  out.i32(request.scheduler);
  out.i32(request.scheduler_priority);
  out.i32(request.oom_score_adjust);
  out.i32(request.personality);
  out.text(request.affinity);
  out.u64(request.ignored_signals);
  out.u64(request.blocked_signals);
  out.u32(static_cast<std::uint32_t>(request.descriptors.size()));
  for (std::int32_t number : request.descriptors) out.i32(number);
  out.i32(request.io_priority);
  out.u64(request.timer_slack);
  out.i32(request.session_keyring);
  out.i32(request.coredump_filter);
}

}  // namespace

std::string encode(const Request& request) {
  Writer out;
  write_body(out, request);
  return out.take();
}

std::string encode_frame(const Request& request) {
  Writer out;
  FrameHeader header{k_magic, k_version, 0, static_cast<std::uint32_t>(request.descriptors.size()),
                     0};
  out.raw(&header, sizeof header);
  write_body(out, request);
  std::string frame = out.take();
  header.body_size = static_cast<std::uint32_t>(frame.size() - sizeof header);
  std::memcpy(frame.data(), &header, sizeof header);
  return frame;
}

std::optional<Request> decode_request(std::string_view body) {
  Reader in(body);
  Request request;
  const std::uint8_t kind = in.u8();
  if (kind > k_last_program_kind) return std::nullopt;
  request.kind = static_cast<ProgramKind>(kind);
  request.flags = in.u32();
  request.target = in.text();
  request.arguments = in.texts();
  request.interpreter_options = in.texts();
  request.environment = in.texts();
  request.report_name = in.text();
  request.cwd = in.text();
  request.umask = in.u32();
  for (Limit& limit : request.limits) {
    limit.soft = in.u64();
    limit.hard = in.u64();
  }
  request.nice = in.i32();
  request.scheduler = in.i32();
  request.scheduler_priority = in.i32();
  request.oom_score_adjust = in.i32();
  request.personality = in.i32();
  request.affinity = in.blob();
  request.ignored_signals = in.u64();
  request.blocked_signals = in.u64();
  const std::uint32_t count = in.count(sizeof(std::int32_t));
  request.descriptors.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int32_t number = in.i32();
    if (number < k_descriptor_terminal) in.fail();
    request.descriptors.push_back(number);
  }
  request.io_priority = in.i32();
  request.timer_slack = in.u64();
  request.session_keyring = in.i32();
  request.coredump_filter = in.i32();
  if (!in.finished()) return std::nullopt;
  return request;
}

}  // namespace pml::wire
