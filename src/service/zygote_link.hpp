#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "event/source.hpp"
#include "service/spawn.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

class ZygoteLink;

/// Told what a zygote says. Called from the loop.
class ZygoteListener {
 public:
  virtual ~ZygoteListener() = default;
  /// `attached` is valid with EventKind::worker, the link, and ahead, the report. The event's texts
  /// end with the call.
  virtual void zygote_said(ZygoteLink& zygote, const wire::Event& event,
                           base::UniqueFd attached) = 0;
  /// The link is closed, or what came over it was no event. Said once.
  virtual void zygote_left(ZygoteLink& zygote) = 0;
};

/// One zygote process: its number, and the packets that go to it and come from it. The process is
/// neither killed nor reaped when this object goes; closing the link tells it to leave.
class ZygoteLink {
 public:
  /// Starts the process. Throws std::system_error. The listener must outlive this object.
  ZygoteLink(event::Loop& loop, ZygoteListener& listener, const ZygoteCommand& command,
             base::BorrowedFd output, std::uint32_t generation);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Counts the zygotes of this service, from 1.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] bool open() const noexcept { return link_.valid(); }

  /// Sends `order` now, or as soon as the zygote reads again. Does nothing on a closed link.
  /// `attached` goes along where it is valid.
  void send(const wire::Order& order, base::UniqueFd attached = {});
  /// Reads all that has come. Used before the zygote's end is acted upon.
  void drain();
  /// Sends SIGKILL; the end is told as any other.
  void kill() noexcept;

 private:
  void ready(std::uint32_t events);
  bool read_one();
  void flush();
  void close();

  event::Loop& loop_;
  ZygoteListener& listener_;
  pid_t pid_ = -1;
  std::uint32_t generation_;
  base::UniqueFd link_;
  event::Io watch_;
  struct Packet {
    std::string bytes;
    base::UniqueFd attached;
  };
  std::deque<Packet> unsent_;
};

}  // namespace pml::service
