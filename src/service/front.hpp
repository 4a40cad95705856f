#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "event/source.hpp"
#include "service/client.hpp"
#include "service/confinement.hpp"
#include "service/session.hpp"

namespace pml::service {

/// Accepts connections, looks at who they are and passes whole requests on. Most requests have
/// arrived when they are accepted and are passed on at once; for the others it keeps a session.
class Front : public SessionOwner {
 public:
  /// Lets those in that are confined as this process is now. Throws std::system_error.
  Front(event::Loop& loop, RequestTaker& taker);

  /// Serves the listening, non-blocking `socket` from now on.
  void listen(base::UniqueFd socket);
  /// Accepts now who is waiting to be.
  void accept_waiting();
  /// Accepts nothing more and cuts off who has not finished asking.
  void close();

 private:
  struct Listener {
    base::UniqueFd socket;
    event::Io watch;
  };

  // Ends its turn at the first peer whose request is not whole, so that those who dawdle on purpose
  // keep nobody waiting. Returns false when nobody waits any more.
  bool accept_some(base::BorrowedFd socket);
  bool greet(base::UniqueFd connection);  // false: a session keeps it
  void keep(Client client, wire::Received first);
  void expire();
  void rearm();

  void session_done(Session& session) override;
  [[nodiscard]] bool may_buffer(std::size_t more) override;
  void buffered(std::size_t more) override { buffered_ += more; }
  [[nodiscard]] bool may_hold(Session& session, std::size_t more) override;

  event::Loop& loop_;
  const Gatekeeper gate_;
  RequestTaker& taker_;
  std::vector<Listener> listeners_;
  std::list<std::unique_ptr<Session>> sessions_;  // oldest first
  std::list<std::unique_ptr<Session>> done_;      // until their callback has returned
  event::Timer expiry_;
  event::Timer crowded_;
  event::Deferred sweep_;
  std::size_t buffered_ = 0;
};

}  // namespace pml::service
