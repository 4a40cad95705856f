#include "service/ledger.hpp"

namespace pml::service {

void Ledger::refused(const Client& client, wire::Refusal reason, std::string_view detail,
                     const std::string& command) {
  if (client.own) return;
  ++refusals_[reason];
  record_.refused(reason, detail, command);
  log_.refused(client, reason, std::string(detail), command);
}

void Ledger::started(const Job& job, std::uint64_t usec) {
  if (job.client.own) return;
  record_.launched(usec);
  log_.started(job.name, job.label, job.client);
}

void Ledger::ended(const Job& job, const End& end) {
  if (job.client.own) return;
  ++served_;
  const std::uint64_t duration = event::Loop::now() - job.began;
  log_.ended(job.name, job.label, job.client, end, duration);
  record_.ended(job.name, job.label.command, end.wait_status, duration);
}

}  // namespace pml::service
