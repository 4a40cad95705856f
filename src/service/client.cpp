#include "service/client.hpp"

#include <sys/socket.h>

#include "service/text_dialect.hpp"
#include "wire/channel.hpp"

namespace pml::service {

namespace {

constexpr std::size_t k_label_size = 300;

std::string_view option_of(wire::ProgramKind kind) noexcept {
  switch (kind) {
    case wire::ProgramKind::module:
      return "-m ";
    case wire::ProgramKind::command:
      return "-c ";
    case wire::ProgramKind::entry_point:
      return "-e ";
    default:
      return "";
  }
}

}  // namespace

Label label_of(const wire::Request& request, bool whole) {
  Label label{std::string(option_of(request.kind)), std::string(request.cwd)};
  if (whole || request.kind != wire::ProgramKind::command)
    label.command.append(request.target.substr(0, k_label_size));
  for (std::string_view argument : request.arguments) {
    if (!whole || label.command.size() >= k_label_size) break;
    label.command.append(" ").append(argument.substr(0, k_label_size));
  }
  if (label.command.size() > k_label_size)
    label.command.replace(k_label_size, std::string::npos, "…");
  if (label.command.ends_with(' ')) label.command.pop_back();  // "-c" alone
  for (char& c : label.command)
    if (c == '\n') c = ' ';
  return label;
}

void Client::tell_line(std::string_view line) noexcept {
  if (!connection.valid()) return;
  const long sent = wire::send_some(connection.borrow(), line, {}, MSG_DONTWAIT);
  if (sent != static_cast<long>(line.size())) give_up();
}

void Client::tell(const wire::Reply& reply) noexcept {
  if (!connection.valid()) return;
  try {
    const std::string bytes = text ? text_of(reply) : wire::encode_frame(reply);
    if (!bytes.empty()) tell_line(bytes);
  } catch (...) {
    give_up();
  }
}

// Not closed: it may be watched, and its number would be somebody else's before the watch ends.
void Client::give_up() noexcept {
  ::shutdown(connection.get(), SHUT_RDWR);
}

}  // namespace pml::service
