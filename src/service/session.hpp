#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/source.hpp"
#include "service/client.hpp"
#include "wire/channel.hpp"

namespace pml::service {

class Session;

/// Keeps sessions and their common limits.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  /// The session has nothing more to do; it may be destroyed once its callback has returned.
  virtual void session_done(Session& session) = 0;
  /// Whether so many more bytes may be kept, all sessions together.
  [[nodiscard]] virtual bool may_buffer(std::size_t more) = 0;
  virtual void buffered(std::size_t more) = 0;
  /// Whether so many more descriptors may be held by this session. Who holds the most goes first
  /// when there would be too many.
  [[nodiscard]] virtual bool may_hold(Session& session, std::size_t more) = 0;
};

/// The memory that connections are read into. One for all: what is kept is copied.
[[nodiscard]] std::span<char> receive_buffer();

/// Passes a whole request on, or says what is wrong with it. `bytes` is all that has come.
/// Returns false where more is needed; then nothing was taken from the arguments.
bool take_frame(RequestTaker& taker, Client& client, std::string_view bytes,
                std::vector<base::UniqueFd>& descriptors);

/// One client whose request has not all come yet.
class Session {
 public:
  Session(event::Loop& loop, SessionOwner& owner, RequestTaker& taker, Client client);

  /// Takes what one receive call brought into receive_buffer().
  void received(wire::Received got);
  /// Says that it took too long, and ends it.
  void expire();

  [[nodiscard]] std::uint64_t began() const noexcept { return began_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::size_t held() const noexcept { return descriptors_.size(); }

 private:
  void ready();
  void looked_at(bool ended);
  void text(bool ended);
  void quiet();
  void submit_text(std::string_view line);
  void fail(wire::Refusal reason, std::string_view detail);
  void done();

  event::Loop& loop_;
  SessionOwner& owner_;
  RequestTaker& taker_;
  Client client_;
  std::string bytes_;
  std::vector<base::UniqueFd> descriptors_;
  std::uint64_t began_;
  event::Io watch_;
  event::Timer quiet_;  // text only: a request need not end in a newline
  bool done_ = false;
};

}  // namespace pml::service
