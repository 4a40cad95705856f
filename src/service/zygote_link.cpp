#include "service/zygote_link.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <span>
#include <vector>

#include "wire/channel.hpp"

namespace pml::service {

namespace {

// One buffer for all zygotes: the loop has one thread, and an event is done with before the next.
std::span<char> packet_buffer() {
  static std::vector<char> buffer(wire::k_max_packet);
  return buffer;
}

}  // namespace

ZygoteLink::ZygoteLink(event::Loop& loop, ZygoteListener& listener, const ZygoteCommand& command,
                       base::BorrowedFd output, std::uint32_t generation)
    : loop_(loop), listener_(listener), generation_(generation) {
  Spawned spawned = spawn_zygote(command, output);
  pid_ = spawned.pid;
  link_ = std::move(spawned.link);
  watch_ =
      event::Io(loop_, link_.borrow(), EPOLLIN, [this](std::uint32_t events) { ready(events); });
}

void ZygoteLink::send(const wire::Order& order, base::UniqueFd attached) {
  if (!open()) return;
  unsent_.push_back({wire::encode(order), std::move(attached)});
  flush();
}

void ZygoteLink::flush() {
  while (open() && !unsent_.empty()) {
    const Packet& next = unsent_.front();
    const int number = next.attached.get();
    const std::span<const int> numbers(&number, next.attached.valid() ? 1 : 0);
    const long sent = wire::send_some(link_.borrow(), next.bytes, numbers, MSG_DONTWAIT);
    if (sent == -EAGAIN) break;
    if (sent < 0) return;  // the end of the link is told by reading it
    unsent_.pop_front();
  }
  watch_.set_events(unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void ZygoteLink::ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_one();
}

void ZygoteLink::drain() {
  while (open() && read_one()) {
  }
}

bool ZygoteLink::read_one() {
  wire::Received packet = wire::receive(link_.borrow(), packet_buffer(), MSG_DONTWAIT);
  // A zygote that ended with orders unread leaves this in front of its last words.
  if (packet.error == ECONNRESET)
    packet = wire::receive(link_.borrow(), packet_buffer(), MSG_DONTWAIT);
  if (packet.error == EAGAIN) return false;
  const auto event = packet.error == 0 && packet.size > 0 && !packet.truncated
                         ? wire::decode_event({packet_buffer().data(), packet.size})
                         : std::nullopt;
  if (!event) {
    close();
    return false;
  }
  base::UniqueFd attached;
  const bool has_one = event->kind == wire::EventKind::worker ||
                       event->kind == wire::EventKind::ahead ||
                       event->kind == wire::EventKind::imager;
  if (has_one && packet.descriptors.size() == 1) attached = std::move(packet.descriptors.front());
  listener_.zygote_said(*this, *event, std::move(attached));
  return true;
}

void ZygoteLink::close() {
  if (!open()) return;
  watch_.reset();
  link_.reset();
  unsent_.clear();
  listener_.zygote_left(*this);
}

void ZygoteLink::kill() noexcept {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

}  // namespace pml::service
