#include "service/session.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <span>

#include "service/frame.hpp"
#include "service/text_dialect.hpp"

namespace pml::service {

namespace {

/// A text request without a newline is whole when nothing has come for so long.
constexpr std::chrono::milliseconds k_text_quiet{40};

}  // namespace

std::span<char> receive_buffer() {
  static std::vector<char> buffer(256U << 10);
  return buffer;
}

bool take_frame(RequestTaker& taker, Client& client, std::string_view bytes,
                std::vector<base::UniqueFd>& descriptors) {
  const Frame frame = inspect_frame(bytes, descriptors.size());
  switch (frame.status) {
    case FrameStatus::more:
    case FrameStatus::text:
      return false;
    case FrameStatus::bad_version:
      taker.turn_away(client, wire::Refusal::protocol, {});
      return true;
    case FrameStatus::malformed:
      taker.turn_away(client, wire::Refusal::malformed, "bad frame");
      return true;
    case FrameStatus::complete:
      break;
  }
  const std::optional<wire::Request> request = wire::decode_request(frame.body);
  if (!request || request->descriptors.size() != descriptors.size()) {
    taker.turn_away(client, wire::Refusal::malformed, "bad request");
    return true;
  }
  Ticket ticket;
  ticket.client = std::move(client);
  ticket.body = frame.body;
  ticket.descriptors = std::move(descriptors);
  ticket.early = frame.rest;
  taker.submit(std::move(ticket), *request);
  return true;
}

Session::Session(event::Loop& loop, SessionOwner& owner, RequestTaker& taker, Client client)
    : loop_(loop),
      owner_(owner),
      taker_(taker),
      client_(std::move(client)),
      began_(event::Loop::now()),
      watch_(loop, client_.connection.borrow(), EPOLLIN, [this](std::uint32_t) { ready(); }) {}

void Session::ready() {
  if (done_) return;
  received(wire::receive(client_.connection.borrow(), receive_buffer(), MSG_DONTWAIT));
}

void Session::received(wire::Received got) {
  if (got.error == EAGAIN) return;
  if (got.truncated) {
    fail(wire::Refusal::context, "too many descriptors at once");
    return;
  }
  if (!owner_.may_buffer(got.size) ||
      (!got.descriptors.empty() && !owner_.may_hold(*this, got.descriptors.size()))) {
    fail(wire::Refusal::overloaded, "too many unfinished requests");
    return;
  }
  std::move(got.descriptors.begin(), got.descriptors.end(), std::back_inserter(descriptors_));
  bytes_.append(receive_buffer().data(), got.size);
  owner_.buffered(got.size);
  looked_at(got.error != 0 || got.size == 0);
}

void Session::looked_at(bool ended) {
  const Frame frame = inspect_frame(bytes_, descriptors_.size());
  if (frame.status == FrameStatus::text) {
    client_.text = true;
    text(ended);
    return;
  }
  if (frame.whole_size > bytes_.capacity()) bytes_.reserve(frame.whole_size);
  if (frame.status == FrameStatus::more) {
    if (ended) done();
    return;
  }
  watch_.reset();
  take_frame(taker_, client_, bytes_, descriptors_);
  done();
}

void Session::text(bool ended) {
  if (!descriptors_.empty() || bytes_.size() > k_max_text) {
    fail(wire::Refusal::malformed, "the text is too long");
    return;
  }
  // A quoted newline does not end the request.
  for (std::size_t end = bytes_.find('\n'); end != std::string::npos;
       end = bytes_.find('\n', end + 1)) {
    if (!looks_complete(std::string_view(bytes_).substr(0, end))) continue;
    submit_text(std::string_view(bytes_).substr(0, end));
    return;
  }
  if (ended) {
    submit_text(bytes_);
    return;
  }
  if (!quiet_.valid()) quiet_ = event::Timer(loop_, [this] { quiet(); });
  quiet_.arm(k_text_quiet);
}

void Session::quiet() {
  if (!done_ && looks_complete(bytes_)) submit_text(bytes_);
}

void Session::submit_text(std::string_view line) {
  watch_.reset();
  taker_.submit_text(std::move(client_), line);
  done();
}

void Session::expire() {
  if (bytes_.empty())
    done();  // it never said anything, so nobody reads an answer
  else if (client_.text)
    submit_text(bytes_);
  else
    fail(wire::Refusal::malformed, "the request did not come in time");
}

void Session::fail(wire::Refusal reason, std::string_view detail) {
  watch_.reset();
  taker_.turn_away(client_, reason, detail);
  done();
}

void Session::done() {
  if (std::exchange(done_, true)) return;
  watch_.reset();
  quiet_.reset();
  client_.connection.reset();
  descriptors_.clear();
  owner_.session_done(*this);
}

}  // namespace pml::service
