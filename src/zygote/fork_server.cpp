#include "zygote/fork_server.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/check.hpp"
#include "base/process_group.hpp"
#include "wire/channel.hpp"
#include "worker/in_place.hpp"
#include "worker/python.hpp"
#include "worker/worker.hpp"

namespace pml::zygote {

namespace {

sigset_t child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

}  // namespace

ForkServer::ForkServer(base::UniqueFd link, std::vector<std::string> after_fork)
    : link_(std::move(link)), after_fork_(std::move(after_fork)) {
  const sigset_t set = child_signal();
  ::sigprocmask(SIG_BLOCK, &set, &before_);
  signals_ = base::UniqueFd(
      base::k_adopt, base::check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

void ForkServer::send(const wire::Event& event, int descriptor) {
  const std::string packet = wire::encode(event);
  const std::array<int, 1> one{descriptor};
  const std::span<const int> sent =
      descriptor >= 0 ? std::span<const int>(one) : std::span<const int>();
  if (wire::send_some(link_.borrow(), packet, sent) < 0) leaving_ = true;
}

void ForkServer::run() {
  if (!plain_) footprint_.emplace();
  while (!leaving_ && !own_.valid()) {
    std::array<pollfd, 2> waits{{{link_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) handle_signals();
    if (waits[0].revents != 0) handle_order();
  }
}

base::UniqueFd ForkServer::run_plainly() {
  plain_ = true;
  run();
  return std::move(own_);
}

void ForkServer::handle_signals() {
  signalfd_siginfo drained[8];
  while (::read(signals_.get(), drained, sizeof drained) > 0) {
  }
  int status = 0;
  rusage usage{};
  pid_t pid = 0;
  while ((pid = ::wait4(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage)) > 0) {
    wire::Event event;
    event.pid = pid;
    event.value = status;
    if (WIFSTOPPED(status))
      event.kind = wire::EventKind::stopped;
    else if (WIFCONTINUED(status))
      event.kind = wire::EventKind::continued;
    else
      event.kind = wire::EventKind::exited;
    event.cpu_usec =
        static_cast<std::uint64_t>((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                                   usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    event.max_rss_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
    if (event.kind == wire::EventKind::exited)
      children_.erase(std::remove(children_.begin(), children_.end(), pid), children_.end());
    send(event);
  }
}

void ForkServer::handle_order() {
  std::array<char, 4096> buffer;
  const wire::Received received = wire::receive(link_.borrow(), buffer);
  if (received.error == EAGAIN) return;
  if (received.error != 0 || received.size == 0) {
    leaving_ = true;
    return;
  }
  const auto order = wire::decode_order({buffer.data(), received.size});
  if (!order) return;
  if (order->kind == wire::OrderKind::fork)
    fork_many(order->value);
  else if (order->kind == wire::OrderKind::image && !plain_)
    fork_one(true);
  else if (order->kind == wire::OrderKind::signal)
    deliver(*order);
  else if (order->kind == wire::OrderKind::leave)
    leaving_ = true;
}

/// Only a child that was not reaped yet still owns its pid.
void ForkServer::deliver(const wire::Order& order) {
  if (std::find(children_.begin(), children_.end(), order.target) == children_.end()) return;
  if (order.flag != 0)
    base::signal_group_of(order.target, order.value);
  else
    ::kill(order.target, order.value);
}

void ForkServer::fork_many(int count) {
  for (int i = 0; i < count && !leaving_ && !own_.valid(); ++i) fork_one();
}

void ForkServer::fork_one(bool imager) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    send({wire::EventKind::fork_failed, 0, errno});
    return;
  }
  base::UniqueFd near(base::k_adopt, pair[0]);
  base::UniqueFd far(base::k_adopt, pair[1]);
  if (plain_) {
    const base::LeaderlessGroup group;
    const pid_t pid = ::fork();
    if (pid != 0) return tell_of(pid, errno, group, std::move(near));
    link_.reset();
    signals_.reset();
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    own_ = std::move(far);
    return;
  }
  footprint_->prepare();
  const base::LeaderlessGroup group;
  PyOS_BeforeFork();
  const pid_t pid = ::fork();
  if (pid == 0) {
    // The child drops the parent's channels first, then lets Python know; nothing returns from
    // here.
    near.reset();
    link_.reset();
    signals_.reset();
    footprint_->adopt();
    PyOS_AfterFork_Child();
    become_worker(std::move(far), imager);
  }
  const int error = errno;
  PyOS_AfterFork_Parent();
  tell_of(pid, error, group, std::move(near), imager);
}

void ForkServer::tell_of(pid_t pid, int error, const base::LeaderlessGroup& group,
                         base::UniqueFd near, bool imager) {
  if (pid < 0) {
    send({wire::EventKind::fork_failed, 0, error});
    return;
  }
  // Most programs do not lead their group; before the service hears of it, it cannot have a job.
  if (group.id() != 0) ::setpgid(pid, group.id());
  children_.push_back(pid);
  send({imager ? wire::EventKind::imager : wire::EventKind::worker, pid, 0}, near.get());
}

void ForkServer::become_worker(base::UniqueFd link, bool imager) {
  const sigset_t set = child_signal();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  footprint_->leave(worker::rehearse(after_fork_, link.borrow()));
  if (imager) worker::be_imaged(std::move(link));
  (void)wire::send_some(link.borrow(),
                        wire::encode(wire::Verdict{wire::VerdictKind::rehearsed, 0, {}}));
  worker::serve_one(std::move(link));
}

}  // namespace pml::zygote
