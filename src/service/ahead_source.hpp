#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "service/client.hpp"
#include "service/job.hpp"

namespace pml::service {

/// Where workers come from that ran one program ahead, and what becomes of their jobs.
class AheadSource {
 public:
  virtual ~AheadSource() = default;
  /// A request has come. A worker that ran its program ahead for a caller like this one; null where
  /// the shared pool is to serve it: `why` is the reason for a trace, or empty.
  virtual std::unique_ptr<Worker> take(const Ticket& ticket, const wire::Request& request,
                                       std::string& why) = 0;
  /// Whether the request's program runs ahead, or is to.
  [[nodiscard]] virtual bool runs_ahead(const wire::Request& request) const = 0;
  /// The worker has begun with its job.
  virtual void accepted(const Job& job) = 0;
  /// It found that its caller is not served by what it ran ahead, or was lost; the client asks
  /// again, and is not to be given such a worker then.
  virtual void differed(const Job& job, const std::string& why) = 0;
  /// Sends `signal` to a job that a template forked. False where that one is leaving, and hears
  /// nothing any more: its end is told to ProcessListener::parent_lost.
  [[nodiscard]] virtual bool signal(std::uint32_t generation, pid_t pid, int signal,
                                    bool whole_group) = 0;
};

}  // namespace pml::service
