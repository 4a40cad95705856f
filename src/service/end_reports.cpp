#include "service/end_reports.hpp"

#include <utility>

#include "wire/reply.hpp"

namespace pml::service {

EndReports::EndReports(event::Loop& loop, std::function<void(int, int)> told)
    : loop_(loop), told_(std::move(told)) {}

const std::string& EndReports::address() {
  if (!reports_.is_open() && reports_.open())
    watch_ = event::Io(loop_, reports_.socket(), EPOLLIN, [this](std::uint32_t) { read(); });
  return reports_.address();
}

void EndReports::read() {
  char body[256];
  while (const auto report = reports_.receive(body)) {
    const auto reply = wire::decode_reply({body, report->size});
    if (reply && reply->kind == wire::ReplyKind::exited) told_(report->sender, reply->value);
  }
}

}  // namespace pml::service
