#include "client/launch.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/paths.hpp"
#include "client/title.hpp"

namespace pml::client {

namespace {

constexpr int k_attempts = 6;  // the first and five more

std::uint32_t flags_of(const Arguments& arguments, const Trace& trace) {
  std::uint32_t flags = arguments.target_form;
  if (arguments.wait) flags |= wire::k_flag_wait;
  if (arguments.detach) flags |= wire::k_flag_detach;
  if (trace.enabled()) flags |= wire::k_flag_trace;
  return flags;
}

}  // namespace

Outcome Launch::run() {
  if (auto outcome = attempt_in_place()) return std::move(*outcome);
  for (int i = 0; i < k_attempts; ++i) {
    Outcome outcome = attempt();
    if (outcome.kind != Outcome::Kind::again) return outcome;
    trace_.mark("worker lost");
  }
  return Outcome::aside(reasons::retries());
}

Outcome Launch::attempt() {
  const std::string path = arguments_.socket.empty() ? base::socket_path(arguments_.profile)
                                                     : std::string(arguments_.socket);
  if (auto reason = connection_.open(path)) return Outcome::aside(std::move(*reason));
  trace_.mark("connected");
  if (frame_.empty())
    if (auto reason = make_frame()) return Outcome::aside(std::move(*reason));
  if (auto outcome = send()) return std::move(*outcome);
  trace_.mark("sent");
  return await_start();
}

std::optional<Reason> Launch::make_frame() {
  if (!report_.open()) return reasons::context("report socket");
  if (auto reason = find_terminal()) return reason;
  wire::Request request;
  request.kind = arguments_.kind;
  request.flags = flags_of(arguments_, trace_);
  request.target = arguments_.target;
  request.arguments = arguments_.rest;
  request.interpreter_options = arguments_.interpreter_options;
  request.report_name = report_.name();
  std::vector<int> own = {connection_.socket().get(), report_.socket().get()};
  if (trace_.descriptor().valid()) own.push_back(trace_.descriptor().get());
  for (const int number : terminal_.descriptors())
    if (number >= 0) own.push_back(number);
  if (auto reason = collect_context(request, context_, own, blocked_)) return reason;
  if (context_.inherited.size() >= wire::k_max_descriptors)
    return reasons::context("too many open descriptors");
  signals_ = open_signals(k_ending_signals & ~request.ignored_signals & ~blocked_);
  if (!signals_.valid()) return reasons::context("signals");

  hand_over_descriptors(request);
  frame_ = wire::encode_frame(request);
  return std::nullopt;
}

std::optional<Reason> Launch::find_terminal() {
  if (!arguments_.detach) role_ = terminal_.find();
  if (role_ == TerminalRole::none) return std::nullopt;
  if (role_ == TerminalRole::background) return reasons::terminal("in the background");
  if (!terminal_.open_pair()) return reasons::terminal(::strerror(errno));
  if (role_ == TerminalRole::beside)
    attention_ = Attention::answers;
  else if (role_ == TerminalRole::output || !terminal_.may_type())
    attention_ = Attention::wishes;
  relay_.emplace(terminal_, attention_);
  return std::nullopt;
}

void Launch::hand_over_descriptors(wire::Request& request) {
  request.descriptors = {wire::k_descriptor_cwd};
  request.descriptors.insert(request.descriptors.end(), context_.inherited.begin(),
                             context_.inherited.end());
  descriptors_ = request.descriptors;
  descriptors_[0] = context_.folder.get();
  if (role_ == TerminalRole::none) return;
  const auto sent = terminal_.sent();
  if (role_ != TerminalRole::beside)
    for (int& number : descriptors_)
      if (Terminal::is_same(number)) number = sent[0];
  request.flags |= wire::k_flag_shepherd;
  if (attention_ != Attention::always) request.flags |= wire::k_flag_tell_wishes;
  request.flags &= ~wire::k_flag_session_leader;  // its shepherd is
  request.descriptors.insert(request.descriptors.end(), sent.size(), wire::k_descriptor_terminal);
  descriptors_.insert(descriptors_.end(), sent.begin(), sent.end());
}

std::optional<Outcome> Launch::send() {
  std::string_view rest = frame_;
  std::span<const int> descriptors = descriptors_;
  for (;;) {
    const int error = connection_.send(rest, descriptors);
    if (error == 0) return std::nullopt;
    if (error == EPIPE || error == ECONNRESET) return std::nullopt;  // It may have said why.
    if (error != EAGAIN) return Outcome::aside(reasons::context("open descriptors"));
    if (auto outcome = wait_for(POLLOUT)) return outcome;
  }
}

Outcome Launch::await_start() {
  for (;;) {
    if (auto outcome = wait_for(POLLIN)) return std::move(*outcome);
  }
}

// Waits until the connection is ready for `events`. An outcome where there is one already.
std::optional<Outcome> Launch::wait_for(short events) {
  pollfd ready[] = {{connection_.socket().get(), static_cast<short>(events | POLLIN), 0},
                    {signals_.get(), POLLIN, 0}};
  const int count = ::poll(ready, std::size(ready), arguments_.wait ? -1 : k_patience_ms);
  if (count == 0) return give_up();
  if (count < 0) return std::nullopt;
  signalfd_siginfo info;
  if (ready[1].revents != 0) {
    if (auto outcome = begun()) return outcome;
    if (next_signal(signals_.borrow(), info))
      return Outcome::killed(static_cast<int>(info.ssi_signo));
  }
  return (ready[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 ? read_reply() : std::nullopt;
}

// A worker may be about to say that it begins. After this it cannot, and then it does not begin; or
// it has said so in time, and this is how it ended.
std::optional<Outcome> Launch::begun() {
  for (const bool last : {false, true}) {
    if (last) connection_.refuse_more();
    auto outcome = read_reply();
    if (outcome &&
        (outcome->kind == Outcome::Kind::exited || outcome->kind == Outcome::Kind::killed))
      return outcome;
  }
  return std::nullopt;
}

Outcome Launch::give_up() {
  if (auto outcome = begun()) return std::move(*outcome);
  return Outcome::aside(reasons::silent());
}

std::optional<Outcome> Launch::read_reply() {
  wire::Reply reply;
  switch (connection_.next_reply(reply)) {
    case Reading::none:
      return std::nullopt;
    case Reading::closed:
      return Outcome::aside(reasons::lost(reasons::k_broken_off));
    case Reading::garbage:
      connection_.refuse_more();
      return Outcome::aside(reasons::lost(reasons::k_garbage));
    case Reading::reply:
      break;
  }
  switch (reply.kind) {
    case wire::ReplyKind::started:
      return follow(reply.value);
    case wire::ReplyKind::refused:
      return Outcome::aside(reason_of(static_cast<wire::Refusal>(reply.value), reply.text),
                            reply.interpreter);
    case wire::ReplyKind::retry:
      return Outcome::again();
    case wire::ReplyKind::exited:
      return Outcome::exited(reply.value);
    case wire::ReplyKind::killed:
      return Outcome::killed(reply.value);
    case wire::ReplyKind::continued:
      if (trace_.enabled() && !reply.text.empty()) trace_.say(reply.text);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Outcome Launch::follow(int pid) {
  trace_.mark("started");
  if (arguments_.detach) return Outcome::exited(0);
  job_.emplace(pid, connection_, report_, signals_.borrow(), trace_);
  terminal_.close_far();
  if (relay_) job_->set_relay(*relay_);
  hide_words(arguments_.words);
  const int last = std::max(context_.inherited.empty() ? 0 : context_.inherited.back(),
                            context_.folder.release());
  job_->let_go(last);
  if (relay_) relay_->begin(pid);
  Outcome outcome = job_->wait();
  if (relay_) relay_->finish();
  trace_.mark("ended");
  return outcome;
}

}  // namespace pml::client
