// The part of Launch in which the client becomes the job itself.
#include <poll.h>
#include <sys/stat.h>

#include "base/paths.hpp"
#include "client/launch.hpp"
#include "client/restore/restore.hpp"
#include "wire/in_place.hpp"

namespace pml::client {

namespace {

/// What the service has an image for stands beside its socket.
bool is_offered(const std::string& socket_path) {
  struct stat info = {};
  return ::stat(wire::in_place_marker(socket_path).c_str(), &info) == 0;
}

}  // namespace

// Nothing where a worker is to be asked for.
std::optional<Outcome> Launch::attempt_in_place() {
  if (!can_restore() || arguments_.detach) return std::nullopt;
  const std::string path = arguments_.socket.empty() ? base::socket_path(arguments_.profile)
                                                     : std::string(arguments_.socket);
  if (!is_offered(path)) return std::nullopt;
  auto outcome = ask_in_place(path);
  connection_ = Connection();
  signals_.reset();
  return outcome;
}

std::optional<Outcome> Launch::ask_in_place(const std::string& path) {
  if (connection_.open(path)) return std::nullopt;  // the worker's way says why not
  wire::Request request;
  request.kind = arguments_.kind;
  request.flags = arguments_.target_form | wire::k_flag_in_place;
  if (trace_.enabled()) request.flags |= wire::k_flag_trace;
  request.target = arguments_.target;
  request.arguments = arguments_.rest;
  request.interpreter_options = arguments_.interpreter_options;
  if (!collect_own_context(request, context_, blocked_)) return std::nullopt;
  in_place_frame_ = wire::encode_frame(request);
  signals_ = open_signals(k_ending_signals & ~request.ignored_signals & ~blocked_);
  std::string_view rest = in_place_frame_;
  std::span<const int> none;
  if (!signals_.valid() || connection_.send(rest, none) != 0) return std::nullopt;
  trace_.mark("asked for an image");
  for (;;) {
    pollfd ready[] = {{connection_.socket().get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    if (::poll(ready, std::size(ready), k_patience_ms) <= 0) return std::nullopt;
    signalfd_siginfo info;
    if (ready[1].revents != 0 && next_signal(signals_.borrow(), info))
      return Outcome::killed(static_cast<int>(info.ssi_signo));
    if (ready[0].revents == 0) continue;
    wire::Reply reply;
    const Reading reading = connection_.next_reply(reply);
    if (reading == Reading::none) continue;
    if (reading != Reading::reply) return std::nullopt;
    if (reply.kind == wire::ReplyKind::in_place) return become_job(reply.text);
    if (reply.kind == wire::ReplyKind::by_worker && trace_.enabled())
      trace_.say("by a worker: " + std::string(reply.text));
    if (reply.kind == wire::ReplyKind::refused)
      return Outcome::aside(reason_of(static_cast<wire::Refusal>(reply.value), reply.text),
                            reply.interpreter);
    return std::nullopt;
  }
}

std::optional<Outcome> Launch::become_job(std::string_view report) {
  const base::UniqueFd image = connection_.take_descriptor();
  if (!image.valid()) return std::nullopt;
  trace_.mark("image");
  trace_.write_line();
  const std::string address(report);
  const RestoreFailure failure =
      restore({.image = image.borrow(),
               .body = std::string_view(in_place_frame_).substr(sizeof(wire::FrameHeader)),
               .report = address,
               .connection = connection_.socket(),
               .trace = trace_.descriptor(),
               .signals = signals_.borrow(),
               .may_execute = arguments_.fallback});
  if (failure.begun) return Outcome::aside(reasons::context(failure.why));
  if (trace_.enabled()) trace_.say(std::string("by a worker: ") + failure.why);
  return std::nullopt;
}

}  // namespace pml::client
