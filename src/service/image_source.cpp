#include "service/image_source.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>
#include <utility>

#include "log/journal.hpp"
#include "log/message_ids.hpp"
#include "wire/channel.hpp"
#include "wire/in_place.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

void ImageSource::set_sockets(const std::vector<std::string>& paths) {
  for (const std::string& path : paths)
    if (!path.empty()) markers_.push_back(wire::in_place_marker(path));
}

void ImageSource::came(base::UniqueFd link, std::uint32_t generation) {
  drop();
  generation_ = generation;
  link_ = std::move(link);
  watch_ = event::Io(loop_, link_.borrow(), EPOLLIN, [this](std::uint32_t) { ready(); });
}

void ImageSource::drop() noexcept {
  watch_.reset();
  link_.reset();
  if (!std::exchange(image_, {}).valid()) return;
  for (const std::string& marker : markers_) ::unlink(marker.c_str());
}

base::BorrowedFd ImageSource::of(std::uint32_t generation) const noexcept {
  return generation == generation_ ? image_.borrow() : base::BorrowedFd();
}

void ImageSource::ready() {
  char buffer[1024];
  wire::Received packet = wire::receive(link_.borrow(), std::span(buffer), MSG_DONTWAIT);
  if (packet.error == EAGAIN) return;
  watch_.reset();
  link_.reset();
  std::optional<wire::Verdict> verdict;
  if (packet.error == 0 && packet.size > 0 && !packet.truncated)
    verdict = wire::decode_verdict({buffer, packet.size});
  if (verdict && verdict->kind == wire::VerdictKind::imaged && packet.descriptors.size() == 1) {
    take(std::move(packet.descriptors.front()));
    return;
  }
  const bool said = verdict && verdict->kind == wire::VerdictKind::not_imaged;
  log::write(LOG_NOTICE, log::k_no_image,
             "jobs run in workers: the interpreter cannot be imaged, " +
                 (said ? std::string(verdict->text) : std::string("it ended")));
}

void ImageSource::take(base::UniqueFd image) {
  image_ = std::move(image);
  for (const std::string& marker : markers_)
    (void)base::UniqueFd(base::k_adopt,
                         ::open(marker.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info = {};
  ::fstat(image_.get(), &info);
  log::write(LOG_INFO, log::k_image_ready,
             "jobs run in place, in the processes of their callers; the image has " +
                 std::to_string(info.st_blocks / 2048) + " MiB");
}

std::string path_of(base::BorrowedFd socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_path[0] == '\0')
    return {};
  return address.sun_path;
}

}  // namespace pml::service
