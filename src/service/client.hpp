#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "wire/reply.hpp"
#include "wire/request.hpp"

namespace pml::service {

/// The one who asked, in whichever dialect.
struct Client {
  base::UniqueFd connection;  ///< non-blocking
  pid_t pid = 0;
  bool text = false;
  bool own = false;  ///< one of the service's own: nobody is told of its jobs

  /// Sends `reply` in the client's dialect, never blocking. A client that does not read is given
  /// up: the connection is shut down, and still open, so that its watch can end before it.
  void tell(const wire::Reply& reply) noexcept;
  void tell_line(std::string_view line) noexcept;

 private:
  void give_up() noexcept;
};

/// What the journal says of a job.
struct Label {
  std::string command;
  std::string cwd;
};
/// `whole`: the command line; else the program alone, and of a program that is itself on the
/// command line only that it is.
[[nodiscard]] Label label_of(const wire::Request& request, bool whole);

/// A whole request on its way to a worker.
struct Ticket {
  Client client;
  std::string_view body;                    ///< one encoded request
  std::vector<base::UniqueFd> descriptors;  ///< the request's own
  std::string early;                        ///< what the client sent behind the request
  std::uint32_t flags = 0;                  ///< wire::RequestFlag
  std::uint64_t arrived = 0;                ///< monotonic microseconds

  /// Makes `body` the ticket's own, because it has to wait.
  void keep() {
    storage_.assign(body);
    body = storage_;
  }

 private:
  std::string storage_;
};

/// Takes what clients want.
class RequestTaker {
 public:
  virtual ~RequestTaker() = default;
  /// `request` is decoded from `ticket.body`, and both point to memory that ends with the call.
  virtual void submit(Ticket ticket, const wire::Request& request) = 0;
  virtual void submit_text(Client client, std::string_view line) = 0;
  virtual void turn_away(Client& client, wire::Refusal reason, std::string_view detail) = 0;
};

}  // namespace pml::service
